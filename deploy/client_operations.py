"""From the operations of the OpenAPI document to methods of the generated client."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.client_types import component_name, python_type

Object = Mapping[str, Any]

_JSON = "application/json"
_EVENTS = "text/event-stream"
_SUMMARY_WIDTH = 84
#: A copy that is still good has no content to read into a model.
_LEFT_OUT_HEADERS = {"if-none-match"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    described: Object

    @property
    def resource(self) -> str:
        """Return the name of its resource."""
        return str(self.described["x-resource"])

    @property
    def name(self) -> str:
        """Return the name of its method."""
        return str(self.described["operationId"]).removeprefix(f"{self.resource}_")

    @property
    def _content(self) -> tuple[str, Object]:
        """Return the media type and content of the first successful answer."""
        status = min(status for status in self.described["responses"] if status < "300")
        content = self.described["responses"][status].get("content", {})
        return next(iter(content.items()), ("", {"schema": {}}))

    @property
    def media_type(self) -> str:
        """Return what it answers; empty: no content."""
        return self._content[0]

    @property
    def answer_schema(self) -> Object:
        """Return the schema of its JSON answer, or {}."""
        return self._content[1]["schema"] if self.media_type == _JSON else {}

    @property
    def answer_schemas(self) -> dict[int, Object]:
        """Return the schemas of its JSON answers by status: one, or of some operations two."""
        return {
            int(status): response["content"][_JSON]["schema"]
            for status, response in sorted(self.described["responses"].items())
            if status < "300" and _JSON in response.get("content", {})
        }

    @property
    def item_schema(self) -> Object:
        """Return the schema of each item of a streamed answer, or {}."""
        schema: Object = self._content[1].get("schema", {}).get("x-item-schema", {})
        return schema

    @property
    def body_schema(self) -> Object:
        """Return the schema of its body, or {}."""
        content = self.described.get("requestBody", {}).get("content", {})
        schema: Object = content.get(_JSON, {"schema": {}})["schema"]
        return schema

    def parameters(self, place: str) -> list[Object]:
        """Return its parameters in the path, the query or the headers."""
        return [
            parameter
            for parameter in self.described.get("parameters", [])
            if parameter["in"] == place and parameter["name"].lower() not in _LEFT_OUT_HEADERS
        ]

    @property
    def is_paged(self) -> bool:
        """Tell whether it answers pages that a cursor continues."""
        has_cursor = any(one["name"] == "cursor" for one in self.parameters("query"))
        return has_cursor and self.media_type == _JSON


def resource_module(resource: str, operations: list[Operation]) -> str:
    """Return the text of a resource's module."""
    name = resource.title().replace("_", "")
    head = f'''"""The resource {resource}. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.events import Event, events, events_async
from postern.client.transport import AsyncHttp, Http
'''
    return head + "".join(
        f'\n\nclass {prefix}{name}:\n    """Calls of {resource}."""\n\n'
        f"    def __init__(self, http: {prefix}Http) -> None:\n        self._http = http\n"
        + "".join(_method(operation, is_async=bool(prefix)) for operation in operations)
        for prefix in ("", "Async")
    )


def _method(operation: Operation, *, is_async: bool) -> str:
    positional, named = _arguments(operation)
    answer, statement = _answer(operation, is_async=is_async)
    keyword = "async def" if is_async and "Iterator" not in answer else "def"
    text = _signature(keyword, operation.name, [*positional, *named], answer)
    text += _docstring(operation) + f"        call = {_call(operation)}\n" + statement
    return text + (_each(operation, is_async=is_async) if operation.is_paged else "")


def _signature(keyword: str, name: str, arguments: list[str], answer: str) -> str:
    return f"\n    {keyword} {name}(self, {', '.join(arguments)}) -> {answer}:\n"


def _arguments(operation: Operation) -> tuple[list[str], list[str]]:
    """Return positional arguments, and those that are named: with a star in front."""
    positional = [f"{one['name']}: UUID | str" for one in operation.parameters("path")]
    if operation.body_schema:
        kind = python_type(operation.body_schema, prefix="bodies.", is_request=True)
        is_required = operation.described["requestBody"].get("required", False)
        positional.append(f"body: {kind}" if is_required else f"body: {kind} | None = None")
    named = [_named(one) for one in operation.parameters("query") + operation.parameters("header")]
    return positional, ["*", *named] if named else []


def _named(parameter: Object) -> str:
    name = _identifier(parameter["name"])
    kind = python_type(parameter["schema"], prefix="models.", is_request=True)
    return f"{name}: {kind}" if parameter.get("required") else f"{name}: {kind} | None = None"


def _identifier(name: str) -> str:
    return name.lower().replace("-", "_")


def docstring(text: str) -> str:
    """Return a docstring: its first line is a sentence, or the beginning of one."""
    first, _, rest = text.strip().partition("\n")
    if len(first) > _SUMMARY_WIDTH:
        cut = max(first.rfind(mark, 0, _SUMMARY_WIDTH) for mark in (". ", "; ", ": ", ", "))
        first, rest = first[:cut] + ".", f"{first[cut + 2 :]}\n{rest}"
    lines = [f'"""{first}']
    for paragraph in rest.strip().split("\n\n") if rest.strip() else []:
        lines += ["", *textwrap.wrap(paragraph[:1].upper() + paragraph[1:], 88)]
    return "\n".join(lines) + ('"""\n' if len(lines) == 1 else '\n"""\n')


def _docstring(operation: Operation) -> str:
    text = operation.described["description"].strip()
    permissions = " and ".join(operation.described.get("x-permissions", ()))
    if permissions:
        text += f"\n\nNeeds the permission {permissions}."
    return textwrap.indent(docstring(text), "        ", lambda line: bool(line.strip()))


def _call(operation: Operation) -> str:
    path = [f"{one['name']!r}: {one['name']}" for one in operation.parameters("path")]
    query = [
        f"{one['name']!r}: {_identifier(one['name'])}" for one in operation.parameters("query")
    ]
    headers = [
        f"{one['name'].lower()!r}: {_header(one)}" for one in operation.parameters("header")
    ]
    parts = [f"method={operation.method!r}", f"template={operation.path!r}"]
    for name, entries in (("path", path), ("query", query), ("headers", headers)):
        if entries:
            parts.append(f"{name}={{{', '.join(entries)}}}")
    if operation.body_schema:
        parts.append("body=body")
    if operation.media_type not in {"", _JSON}:
        parts.append(f"accept={operation.media_type!r}")
    return f"Call({', '.join(parts)})"


def _header(parameter: Object) -> str:
    name = _identifier(parameter["name"])
    return f"{name} or new_idempotency_key()" if name == "idempotency_key" else name


def _answer(operation: Operation, *, is_async: bool) -> tuple[str, str]:
    """Return the type of an answer, and the statement that returns it."""
    wait, iterator = ("await ", "AsyncIterator") if is_async else ("", "Iterator")
    suffix = "_async" if is_async else ""
    if operation.media_type == _JSON:
        return _json_answer(operation, wait=wait)
    if operation.media_type == _EVENTS:
        statement = f"        return events{suffix}(self._http.lines(call))\n"
        return f"{iterator}[Event]", statement
    if operation.item_schema:
        model = "models." + component_name(operation.item_schema["$ref"])
        return f"{iterator}[{model}]", f"        return self._http.items(call, {model})\n"
    if not operation.media_type:
        return "None", f"        {wait}self._http.send(call)\n"
    return "bytes", f"        return ({wait}self._http.send(call)).content\n"


def _json_answer(operation: Operation, *, wait: str) -> tuple[str, str]:
    kinds = {
        status: python_type(schema, prefix="models.")
        for status, schema in operation.answer_schemas.items()
    }
    if len(kinds) == 1:
        (model,) = kinds.values()
        return model, f"        return {wait}self._http.fetch(call, {model})\n"
    either = ", ".join(f"({status}, {model})" for status, model in kinds.items())
    statement = f"        return {wait}self._http.fetch_either(call, {either})\n"
    return " | ".join(kinds.values()), statement


def _each(operation: Operation, *, is_async: bool) -> str:
    """Return the method that goes through every page."""
    positional, _ = _arguments(operation)
    query = [one for one in operation.parameters("query") if one["name"] != "cursor"]
    named = [_named(one) for one in query]
    page = python_type(operation.answer_schema, prefix="models.").removesuffix("Page")
    wait, prefix = ("await ", "async ") if is_async else ("", "")
    iterator = "AsyncIterator" if is_async else "Iterator"
    name = f"each{operation.name.removeprefix('list').removesuffix('_page')}"
    given = [argument.partition(":")[0] for argument in positional]
    given += [f"{_identifier(one['name'])}={_identifier(one['name'])}" for one in query]
    signature = _signature(f"{prefix}def", name, [*positional, "*", *named], f"{iterator}[{page}]")
    return signature + (
        f'        """Yield what ``{operation.name}`` lists, page after page; ``limit`` is that of'
        f' one page."""\n'
        f"        cursor: str | None = None\n"
        f"        while True:\n"
        f"            page = {wait}self.{operation.name}({', '.join([*given, 'cursor=cursor'])})\n"
        f"            for item in page.data:\n"
        f"                yield item\n"
        f"            cursor = page.meta.next_cursor\n"
        f"            if cursor is None:\n"
        f"                return\n"
    )
