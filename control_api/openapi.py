"""Builds the OpenAPI document: FastAPI's, with what ``documented`` says in its place."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, APIRouter
from pydantic import BaseModel, TypeAdapter

from control_api.access import Holder, OperatorsOnly
from control_api.contents.problems import MEDIA_TYPE as PROBLEM_MEDIA_TYPE
from control_api.contents.problems import Problem
from control_api.documentation import (
    ANY_MEDIA_TYPE,
    JSON,
    Documentation,
    Media,
    documentation_of,
    faults_of,
)
from control_api.errors import CODES, problem
from control_api.examples import example_of
from control_api.idempotency import HEADER as IDEMPOTENCY_HEADER
from control_api.links import write_links

VERSION = "1"
_DESCRIPTION = """\
Webhooks, their deliveries and what became of them.

Every answer carries `x-request-id`, which finds the request in the logs. Answers hold their \
content in `data`; lists come in pages, which `meta.next_cursor` continues. Every error is a \
problem as RFC 9457 describes it, with a stable `code`; `errors` names each field that is wrong \
and the rule that it breaks. An id of another tenant is answered like one that does not exist.
"""
_TAGS = {
    "inbound webhooks": "Where senders deliver, how they prove who they are, and what is done.",
    "samples": "Real requests that were kept, for building mappings.",
    "deliveries": "What was received, and what became of it; tests and replays.",
    "catalogue": "What live workers can run.",
    "external mappings": "What the ids of senders stand for.",
    "clients and assets": "As far as an admin needs them to see what webhooks did.",
    "events": "What changed in the PSA store, for those who follow it.",
    "API keys": "What the tenant's scripts prove themselves with.",
    "tenants": "For operators, who make them and see nothing in them; and a tenant itself.",
    "audit": "Who changed what, and when.",
}
_SCHEMAS = "#/components/schemas/"
_PROBLEM = {"$ref": f"{_SCHEMAS}Problem"}
_HEADERS = {
    "x-request-id": "Finds this request in the logs; the client's own where it sent one.",
    "www-authenticate": "How to prove who is calling.",
    "retry-after": "Seconds after which to try again.",
}
#: What answers of a status carry beside the request id.
_HEADERS_OF_STATUS = {401: ["www-authenticate"], 429: ["retry-after"], 503: ["retry-after"]}
_IDEMPOTENCY_KEY = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "required": False,
    "description": "A name of the caller's own for this request, such as a UUID: repeated within "
    "24 hours, it is not carried out again but answered as the first time, with the header "
    "idempotency-replayed.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_IDEMPOTENCY_FAULTS = {
    409: "the first request with this Idempotency-Key is still under way",
    413: "the body is too long",
    415: "the body is compressed",
    408: "the body took too long to arrive",
    422: "the Idempotency-Key was used for another request",
}
#: What FastAPI adds for its own error answers.
_FRAMEWORK_SCHEMAS = ("HTTPValidationError", "ValidationError")

Object = dict[str, Any]


class UndocumentedRouteError(Exception):
    """A route lacks ``@documented``, or what it says is not enough."""


def describe(app: FastAPI, routers: Iterable[APIRouter]) -> Object:
    """Return the document of an app whose routes all come from these routers.

    Raises:
        UndocumentedRouteError: A route is not documented.
    """
    document: Object = get_openapi(
        title=app.title,
        version=VERSION,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        separate_input_output_schemas=True,
    )
    routes = [
        route for router in routers for route in router.routes if isinstance(route, APIRoute)
    ]
    schemas = _Schemas(routes)
    components = document["components"]
    known = components.setdefault("schemas", {})
    for name in _FRAMEWORK_SCHEMAS:
        known.pop(name, None)
    components["schemas"] = dict(sorted({**known, **schemas.components}.items()))
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS.items()
    }
    for route in routes:
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            _complete(operation, route, _Writer(components["schemas"], schemas))
    write_links(document)
    return document


def _documentation(route: APIRoute) -> Documentation:
    documentation = documentation_of(route.endpoint)
    if documentation is None:
        raise UndocumentedRouteError(f"{route.path}: {route.name} lacks @documented")
    return documentation


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation: its module and its function."""
    return f"{_module(route)}_{route.name}"


def _module(route: APIRoute) -> str:
    return route.endpoint.__module__.rpartition(".")[2]


class _Schemas:
    """The schemas of every type that routes name."""

    def __init__(self, routes: Iterable[APIRoute]) -> None:
        answers = {kind: None for route in routes for kind in _answer_types(_documentation(route))}
        bodies = {_documentation(route).body: None for route in routes}
        inputs = [(kind, "serialization", TypeAdapter(kind)) for kind in (*answers, Problem)]
        inputs += [(body, "validation", TypeAdapter(body)) for body in bodies if body is not None]
        found, definitions = TypeAdapter.json_schemas(
            cast("Any", inputs), ref_template=_SCHEMAS + "{model}"
        )
        names = {
            name: schema["title"]
            for name, schema in definitions["$defs"].items()
            if name.endswith("_")  # pydantic's way to write the arguments of a generic type
        }
        self._found: dict[tuple[Any, str], Object] = {
            kind: _renamed(schema, names) for kind, schema in found.items()
        }
        self.components = {
            names.get(name, name): _renamed(schema, names)
            for name, schema in definitions["$defs"].items()
        }

    def answer(self, kind: Any) -> Object:
        return self._found[kind, "serialization"]

    def body(self, kind: Any) -> Object:
        return self._found[kind, "validation"]


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    """Return a schema whose references to components use other names."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.removeprefix(_SCHEMAS)
            return {**schema, "$ref": _SCHEMAS + names.get(name, name)}
        case dict():
            return {key: _renamed(value, names) for key, value in schema.items()}
        case list():
            return [_renamed(item, names) for item in schema]
        case _:
            return schema


def _answer_types(documentation: Documentation) -> Iterator[Any]:
    for answer in (documentation.answer, *documentation.others.values()):
        if isinstance(answer, Media):
            if answer.item is not None:
                yield answer.item
        elif answer is not None:
            yield answer


class _Writer:
    """Writes contents with their examples."""

    def __init__(self, components: Mapping[str, Object], schemas: _Schemas) -> None:
        self._components = components
        self._schemas = schemas

    def body(self, documentation: Documentation) -> Object:
        schema = self._schemas.body(documentation.body)
        return {
            "required": _has_required_field(documentation.body),
            "content": {JSON: self._content(schema)},
        }

    def answer(self, answer: Any) -> Object:
        """Return what an answer may contain."""
        if answer is None:
            return {}
        if isinstance(answer, Media):
            return {"content": {answer.media_type: self._media(answer)}}
        return {"content": {JSON: self._content(self._schemas.answer(answer))}}

    def _media(self, media: Media) -> Object:
        if media.media_type == ANY_MEDIA_TYPE:
            return {"example": media.example}  # a schema would tell what JSON the bytes are
        schema: Object = {"type": "string", "description": media.description}
        example = media.example
        if media.item is not None:
            # OpenAPI 3.1 has no word for a stream of items; 3.2 calls it so.
            item = self._schemas.answer(media.item)
            schema["x-item-schema"] = item
            example = media.example or json.dumps(example_of(item, self._components))
        return {"schema": schema, "example": example}

    def _content(self, schema: Object) -> Object:
        return {"schema": schema, "example": example_of(schema, self._components)}


def _has_required_field(model: type[BaseModel] | None) -> bool:
    return model is not None and any(field.is_required() for field in model.model_fields.values())


def _complete(operation: Object, route: APIRoute, writer: _Writer) -> None:
    """Write into an operation what FastAPI cannot know."""
    documentation = _documentation(route)
    dependants = list(_flat(route.dependant))
    status = route.status_code or 200
    faults = _faults(dependants)
    if "POST" in (route.methods or ()) and 429 in faults:
        faults = _IDEMPOTENCY_FAULTS | faults
    faults |= dict(documentation.faults)
    others = {code: writer.answer(answer) for code, answer in documentation.others.items()}
    operation["responses"] = {
        str(status): _successful(status, writer.answer(documentation.answer), documentation),
        **{
            str(code): _successful(code, content, documentation)
            for code, content in others.items()
        },
        **{str(code): _problem(code, reason) for code, reason in sorted(faults.items())},
    }
    if "POST" in (route.methods or ()) and any(isinstance(one.call, Holder) for one in dependants):
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    if documentation.body is not None:
        operation["requestBody"] = writer.body(documentation)
    permissions = [
        str(permission)
        for dependant in dependants
        if isinstance(dependant.call, Holder | OperatorsOnly)
        for permission in dependant.call.permissions
    ]
    operation["x-permissions"] = permissions
    operation["summary"] = _summary(operation["description"])
    operation["x-resource"] = _module(route)
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_null(parameter["schema"])


def _summary(description: str) -> str:
    """Return the first sentence, up to its first pause."""
    return re.split(r"[.;:\n]", description, maxsplit=1)[0]


def _successful(status: int, content: Object, documentation: Documentation) -> Object:
    headers = {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in documentation.headers.items()
    }
    return {
        "description": HTTPStatus(status).phrase,
        "headers": {**_common_headers(status), **headers},
        **content,
    }


def _common_headers(status: int) -> Object:
    names = ["x-request-id", *_HEADERS_OF_STATUS.get(status, ())]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problem(status: int, reason: str) -> Object:
    example = problem(status, code=CODES[status], message=reason)
    return {
        "description": f"{reason[:1].upper()}{reason[1:]}.",
        "headers": _common_headers(status),
        "content": {PROBLEM_MEDIA_TYPE: {"schema": _PROBLEM, "example": example}},
    }


def _faults(dependants: list[Dependant]) -> dict[int, str]:
    """Return the problems that follow from what a route depends on."""
    calls = [dependant.call for dependant in dependants if dependant.call]
    faults = faults_of(calls)
    if any(isinstance(call, Holder | OperatorsOnly) for call in calls):
        faults[401] = "no valid credential"
        faults[403] = "the credential lacks a permission, or is of another kind"
    if any(isinstance(call, Holder) for call in calls):
        faults[429] = "the API key's requests of this minute are used up"
    if any(dependant.path_params for dependant in dependants):
        faults[404] = "there is nothing with this id, or it is another tenant's"
    if any(dependant.query_params for dependant in dependants):
        faults.setdefault(422, "a parameter breaks a rule")
    return faults | {500: "something went wrong here", 503: "the database does not answer"}


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _flat(inner)


def _without_null(schema: Object) -> Object:
    """Return the schema of a parameter that may be left out: in a URL nothing is null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return {**rest, **choices[0]}
