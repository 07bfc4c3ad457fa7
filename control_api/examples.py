"""Examples for the OpenAPI document, put together from what the models say."""

from collections.abc import Mapping, Sequence
from typing import Any

_ID = "01890000-0000-7000-8000-000000000001"
_FORMATS = {"uuid": _ID, "date-time": "2026-03-01T09:30:00Z", "uri": "https://example.com/"}
_PLAIN: Mapping[str, Any] = {"boolean": False, "integer": 1, "number": 1.5, "null": None}

Schema = Mapping[str, Any]


class NoExampleError(Exception):
    """A schema does not say enough: give its field ``examples``."""


def example_of(schema: Schema, components: Mapping[str, Schema], *, path: str = "") -> Any:
    """Return a value that fits a JSON schema; references lead to components.

    What a schema says in ``examples`` comes first.

    Raises:
        NoExampleError: With the path of a text for which there is none.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return example_of(components[name], components, path=path)
    for known in ("examples", "enum"):
        if known in schema:
            return schema[known][0]
    if "const" in schema:
        return schema["const"]
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return example_of(_first_with_content(schema[choice]), components, path=path)
    return _of_type(schema, components, path)


def _first_with_content(choices: Sequence[Schema]) -> Schema:
    return next((choice for choice in choices if choice.get("type") != "null"), choices[0])


def _of_type(schema: Schema, components: Mapping[str, Schema], path: str) -> Any:
    kind = str(schema.get("type"))
    if kind == "object":
        return {
            name: example_of(inner, components, path=f"{path}.{name}")
            for name, inner in schema.get("properties", {}).items()
        }
    if kind == "array":
        return [example_of(schema["items"], components, path=f"{path}[]")]
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if "default" in schema:
        return schema["default"]
    if kind in _PLAIN:
        return max(_PLAIN[kind], schema.get("minimum", 0)) if kind == "integer" else _PLAIN[kind]
    raise NoExampleError(path.removeprefix(".") or "the whole")
