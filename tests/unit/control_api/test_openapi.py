"""The OpenAPI document: complete for every route, and true in itself."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from control_api.access import JsonBody, Reader
from control_api.api import ControlApi
from control_api.contents.envelope import Content, Data
from control_api.documentation import answering, documented
from control_api.examples import NoExampleError
from control_api.openapi import UndocumentedRouteError, describe
from tests.documented_answers import check_answer, openapi_document

HEADERS = {"content-type": "application/json", "x-request-id": "1"}


class Thing(Content):
    """Something for these tests."""

    name: str = Field(examples=["one"])


class ThingBody(BaseModel):
    """What makes it."""

    name: str = Field(examples=["one"])


class Wordless(Content):
    """Nobody can tell what its text looks like."""

    text: str


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    body = operation.get("requestBody", {"content": {}})
    for place in ({"request": body} | operation["responses"]).items():
        for content in place[1].get("content", {}).values():
            yield place[0], content


def described(router: APIRouter) -> dict[str, Any]:
    app = ControlApi()
    app.include_router(router)
    return describe(app, [router])


def test_document_when_of_every_route() -> None:
    """Every operation has a text, an answer with content, its problems, and a unique name."""
    names = []
    for name, operation in operations():
        names.append(operation["operationId"])
        assert operation["tags"], name
        assert operation["description"], name
        assert {"500", "503"} <= operation["responses"].keys(), name
        succeeded = [answer for status, answer in operation["responses"].items() if status < "300"]
        assert succeeded, name
        assert all("content" in answer for answer in succeeded) or "204" in operation["responses"]
        assert operation["x-permissions"], name
        assert {"401", "403"} <= operation["responses"].keys(), name
    assert len(set(names)) == len(names) >= 22


def test_routes_when_held_against_the_document() -> None:
    """What the document does not name, so that tests do not see it, is open to everybody."""
    found = {
        (method, str(route.path_format))
        for route in ControlApi().every_route
        for method in route.methods or ()
    }
    documented = {tuple(name.split(" ")) for name, _ in operations()}
    assert documented <= found
    assert {path for method, path in found - documented if method != "HEAD"} == {
        "/api/v1/openapi.json",
        "/api/v1/reference",
        "/api/v1/reference.css",
    }


def test_examples_when_of_every_content() -> None:
    """Every request body and every answer has an example that its own schema accepts."""
    components = openapi_document()["components"]
    count = 0
    for name, operation in operations():
        for place, content in contents(operation):
            schema = {**content.get("schema", {}), "components": components}
            validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
            faults = [error.message for error in validator.iter_errors(content["example"])]
            assert not faults, (name, place, faults)
            count += 1
    assert count > 150


def test_schemas_when_compiled() -> None:
    """Every component is a JSON schema whose references lead somewhere."""
    components = openapi_document()["components"]
    for name in components["schemas"]:
        jsonschema_rs.Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": components}
        )


def test_route_when_undocumented() -> None:
    """A route without @documented is refused, by name."""
    router = APIRouter()

    @router.get("/bare")
    async def bare() -> Response:
        """Do nothing."""
        return Response()

    with pytest.raises(UndocumentedRouteError, match="/bare: bare lacks @documented"):
        described(router)


def test_route_when_its_answer_has_no_example() -> None:
    """A text without an example is refused, with its place."""
    router = APIRouter()

    @router.get("/wordless")
    @documented(answer=Data[Wordless])
    async def wordless() -> Response:
        """Do nothing."""
        return Response()

    with pytest.raises(NoExampleError, match=r"data\.text"):
        described(router)


def test_route_when_its_dependencies_speak() -> None:
    """Permissions and problems follow from what a route depends on; a body from its model."""
    router = APIRouter()

    @answering({412: "it has changed"})
    def unchanged() -> None:
        """Check something."""

    @router.put("/things/{thing_id}", dependencies=[Depends(unchanged)])
    @documented(answer=Data[Thing], body=ThingBody, faults={409: "there is one"})
    async def put(caller: Reader, thing_id: int, body: JsonBody) -> Response:
        """Do nothing."""
        return Response()

    operation = described(router)["paths"]["/things/{thing_id}"]["put"]
    assert operation["x-permissions"] == ["read"]
    assert operation["requestBody"]["required"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ThingBody"
    }
    expected = {
        *(
            "200",
            "400",
            "401",
            "403",
            "404",
            "408",
            "409",
            "412",
            "413",
            "415",
            "422",
            "429",
            "500",
        ),
        "503",
    }
    assert operation["responses"].keys() == expected
    conflict = operation["responses"]["409"]["content"]["application/problem+json"]
    assert conflict["example"]["detail"] == "there is one"


def test_documented_when_the_status_is_no_problem() -> None:
    """A success among the problems is refused."""
    with pytest.raises(ValueError, match="200 is no problem"):
        documented(answer=None, faults={200: "well"})


CLIENTS = ("GET", "/api/v1/clients")
PAGE = b'{"data": [], "meta": {"next_cursor": null, "limit": 25}}'


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (200, HEADERS, PAGE, ""),
        (201, HEADERS, PAGE, "status 201"),
        (200, {"content-type": "application/json"}, PAGE, "x-request-id"),
        (200, HEADERS | {"content-type": "text/html"}, PAGE, "text/html"),
        (200, HEADERS, PAGE.replace(b"null", b"7"), "/meta/next_cursor"),
        (200, HEADERS, PAGE.replace(b'"limit"', b'"secret": "s", "limit"'), "secret"),
        (200, HEADERS, PAGE.replace(b"[]", b'[{"client_id": "no-uuid"}]'), "no-uuid"),
    ],
)
def test_answer_when_held_against_the_document(
    status: int, headers: dict[str, str], body: bytes, told: str
) -> None:
    """An answer as documented passes; another status, header, type, field or format does not."""
    if not told:
        check_answer(CLIENTS, status, headers, body)
        return
    with pytest.raises(AssertionError, match=told):
        check_answer(CLIENTS, status, headers, body)


def test_answer_when_no_route_fits() -> None:
    """Where no route fits, a problem is all that may come."""
    with pytest.raises(AssertionError, match="not documented"):
        check_answer(("GET", None), 200, HEADERS, PAGE)
