"""Changes of the API that would break a client are found, and no others."""

import copy
from typing import Any

import pytest

from deploy.openapi_changes import incompatible_changes
from deploy.openapi_document import DOCUMENT, changes_since_release, render

RELEASED: dict[str, Any] = {
    "paths": {
        "/things/{id}": {
            "put": {
                "operationId": "things_put",
                "x-permissions": ["update"],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "minimum": 1, "maximum": 100},
                    },
                ],
                "requestBody": {
                    "required": False,
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/ThingBody"}}
                    },
                },
                "responses": {
                    "200": {
                        "headers": {"etag": {}},
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}
                        },
                    },
                    "404": {"content": {"application/problem+json": {"schema": {}}}},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "ThingBody": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 10, "pattern": "^a"},
                    "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "colour": {"enum": ["red", "blue"]},
                    "ratio": {"type": "number"},
                },
            },
            "Thing": {
                "type": "object",
                "required": ["name", "state", "parts"],
                "properties": {
                    "name": {"type": "string"},
                    "state": {"enum": ["on", "off"]},
                    "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "ratio": {"type": "number"},
                    "any": {},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    "by_name": {"type": "object", "additionalProperties": {"type": "string"}},
                    "shape": {
                        "oneOf": [{"$ref": "#/components/schemas/Round"}],
                        "discriminator": {"mapping": {"round": "#/components/schemas/Round"}},
                    },
                },
            },
            "Round": {
                "type": "object",
                "properties": {"kind": {"const": "round"}, "radius": {"type": "number"}},
            },
            "Square": {
                "type": "object",
                "properties": {"kind": {"const": "square"}, "side": {"type": "number"}},
            },
        }
    },
}
PUT = "paths /things/{id} put"
BODY = "components schemas ThingBody"
THING = "components schemas Thing"
_KINDS = {kind: f"#/components/schemas/{kind.title()}" for kind in ("round", "square")}
NAME = "PUT /things/{id}"


def changed(place: str, value: object) -> dict[str, Any]:
    """Return the document with another value at a place; None: without the place."""
    document: Any = copy.deepcopy(RELEASED)
    *parents, last = place.split()
    inner = document
    for part in parents:
        inner = inner[int(part) if isinstance(inner, list) else part]
    key: Any = int(last) if isinstance(inner, list) else last
    if value is None:
        del inner[key]
    else:
        inner[key] = value
    found: dict[str, Any] = document
    return found


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("paths /things/{id}", None, f"{NAME}: removed"),
        (PUT, None, f"{NAME}: removed"),
        (f"{PUT} operationId", "x", f"{NAME}: operationId is x, was things_put"),
        (f"{PUT} x-permissions", ["read", "update"], f"{NAME}: needs the permission read"),
        (f"{PUT} parameters 1", None, f"{NAME} query.limit: removed"),
        (f"{PUT} parameters 1 required", True, f"{NAME} query.limit: became required"),
        (f"{PUT} parameters 1 schema maximum", 50, f"{NAME} query.limit: maximum is 50, was 100"),
        (f"{PUT} parameters 1 schema minimum", 2, f"{NAME} query.limit: minimum is 2, was 1"),
        (
            f"{PUT} parameters 1",
            {"name": "page", "in": "query", "required": True, "schema": {}},
            f"{NAME} query.page: new and required",
        ),
        (f"{PUT} requestBody", None, f"{NAME} body: removed"),
        (f"{PUT} requestBody required", True, f"{NAME} body: became required"),
        (f"{BODY} required", ["name", "size"], f"{NAME} body.size: became required"),
        (f"{BODY} required", ["name", "new"], f"{NAME} body.new: new and required"),
        (f"{BODY} properties size", None, f"{NAME} body.size: removed"),
        (
            f"{BODY} properties size",
            {"type": "integer"},
            f"{NAME} body.size: is integer, was null",
        ),
        (
            f"{BODY} properties name type",
            "integer",
            f"{NAME} body.name: is integer, was string",
        ),
        (
            f"{BODY} properties ratio type",
            "integer",
            f"{NAME} body.ratio: is integer, was number",
        ),
        (
            f"{BODY} properties name maxLength",
            5,
            f"{NAME} body.name: maxLength is 5, was 10",
        ),
        (
            f"{BODY} properties name minLength",
            1,
            f"{NAME} body.name: minLength is 1, was none",
        ),
        (
            f"{BODY} properties name pattern",
            "^b",
            f"{NAME} body.name: pattern is ^b, was ^a",
        ),
        (
            f"{BODY} properties colour enum",
            ["red"],
            f"{NAME} body.colour: the value 'blue' was removed",
        ),
        (f"{PUT} responses 200", None, f"{NAME} 200: removed"),
        (f"{PUT} responses 200 headers etag", None, f"{NAME} 200: the header etag was removed"),
        (
            f"{PUT} responses 200 content",
            {"text/plain": {"schema": {}}},
            f"{NAME} 200: application/json was removed",
        ),
        (f"{THING} properties name", None, f"{NAME} 200.name: removed"),
        (f"{THING} required", ["state", "parts"], f"{NAME} 200.name: may now be absent"),
        (
            f"{THING} properties state enum",
            ["on"],
            f"{NAME} 200.state: the value 'off' was removed",
        ),
        (
            f"{THING} properties name",
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            f"{NAME} 200.name: is null, was string",
        ),
        (f"{THING} properties name", {}, f"{NAME} 200.name: is anything, was string"),
        (
            f"{THING} properties parts items",
            {"type": "string"},
            f"{NAME} 200.parts[]: is string, was object",
        ),
        (
            f"{THING} properties by_name additionalProperties type",
            "integer",
            f"{NAME} 200.by_name.*: is integer, was string",
        ),
        (
            "components schemas Round properties radius",
            None,
            f"{NAME} 200.shape.radius: removed",
        ),
        (
            f"{THING} properties shape",
            {"oneOf": [{"$ref": reference} for reference in _KINDS.values()]},
            f"{NAME} 200.shape.radius: removed",
        ),
    ],
)
def test_changes_when_they_break_a_client(place: str, value: object, told: str) -> None:
    """The change is told with its place."""
    assert told in incompatible_changes(RELEASED, changed(place, value))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("paths /others", {"get": {}}),
        (f"{PUT} x-permissions", []),
        (f"{PUT} parameters 1 schema maximum", 200),
        (f"{PUT} responses 404", None),
        (f"{PUT} responses 409", {}),
        (f"{BODY} properties new", {"type": "string"}),
        (f"{BODY} properties name maxLength", 20),
        (f"{BODY} properties name maxLength", None),
        (f"{BODY} properties name", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (f"{BODY} properties name", {}),
        (f"{BODY} properties colour enum", ["red", "blue", "green"]),
        (f"{BODY} required", []),
        (f"{THING} properties new", {"type": "string"}),
        (f"{THING} properties size", {"type": "integer"}),
        (f"{THING} properties any", {"type": "integer"}),
        (f"{THING} properties ratio", {"type": "integer"}),
        (f"{THING} properties state enum", ["on", "off", "half"]),
        (f"{THING} required", ["name", "state", "parts", "size"]),
        (
            f"{THING} properties shape",
            {
                "oneOf": [{"$ref": reference} for reference in _KINDS.values()],
                "discriminator": {"mapping": _KINDS},
            },
        ),
    ],
)
def test_changes_when_they_break_nobody(place: str, value: object) -> None:
    """Additions, and requests that may do more, pass."""
    assert incompatible_changes(RELEASED, changed(place, value)) == []


def test_changes_when_there_are_none() -> None:
    """A document is compatible with itself."""
    assert incompatible_changes(RELEASED, RELEASED) == []


def test_document_when_committed() -> None:
    """docs/openapi.json is what the program serves; `make openapi` mends it."""
    assert DOCUMENT.read_bytes() == render(), "run `make openapi`"


def test_document_when_held_against_the_release() -> None:
    """Clients of the last release still work."""
    assert changes_since_release() == []
