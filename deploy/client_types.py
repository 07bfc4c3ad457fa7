"""From the JSON schemas of the OpenAPI document to Python types, for the generated client."""

from collections.abc import Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]

_PREFIX = "#/components/schemas/"
_FORMATS = {"uuid": "UUID", "date-time": "datetime"}
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def component_name(reference: str) -> str:
    """Return the Python name of a component."""
    return reference.removeprefix(_PREFIX).replace("-", "")


def python_type(schema: Object, *, prefix: str = "", is_request: bool = False) -> str:
    """Return the annotation for a schema; ``prefix`` leads the names of components.

    Answers admit unknown values of an enumeration, and unknown kinds of a union: the API may get
    more of them.
    """
    if "$ref" in schema:
        return prefix + component_name(schema["$ref"])
    if "const" in schema or "enum" in schema:
        return _enumeration(schema, is_request=is_request)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _union(schema, word, prefix=prefix, is_request=is_request)
    return _of_type(schema, prefix=prefix, is_request=is_request)


def _of_type(schema: Object, *, prefix: str, is_request: bool) -> str:
    match schema.get("type"):
        case list(kinds):
            return " | ".join(_PLAIN[kind] for kind in kinds)
        case "array":
            inner = python_type(schema.get("items", {}), prefix=prefix, is_request=is_request)
            return f"list[{inner}]"
        case "object":
            rest = schema.get("additionalProperties")
            rest = rest if isinstance(rest, Mapping) else {}
            return f"dict[str, {python_type(rest, prefix=prefix, is_request=is_request)}]"
        case _:
            return _plain(schema, is_request=is_request)


def _plain(schema: Object, *, is_request: bool) -> str:
    form = _FORMATS.get(schema.get("format", "")) if schema.get("type") == "string" else None
    if form is not None:
        return f"{form} | str" if is_request else form
    return _PLAIN.get(schema.get("type", ""), "Any")


def _enumeration(schema: Object, *, is_request: bool) -> str:
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    values = f"Literal[{', '.join(map(repr, schema['enum']))}]"
    return values if is_request else f"{values} | str"


def _union(schema: Object, word: str, *, prefix: str, is_request: bool) -> str:
    choices = [python_type(one, prefix=prefix, is_request=is_request) for one in schema[word]]
    if word == "oneOf" and not is_request:
        choices.append("dict[str, Any]")
    choices = list(dict.fromkeys(choices))
    return "Any" if "Any" in choices else " | ".join(choices)


def reachable(schemas: Object, components: Object) -> set[str]:
    """Return the components that some schemas lead to."""
    found: set[str] = set()
    waiting = list(_references(schemas))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(components[name])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str) and reference.startswith(_PREFIX):
            yield reference.removeprefix(_PREFIX)
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)
