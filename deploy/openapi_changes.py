"""What a client of the released control API would stumble over in the present one: pure.

Clients pass over fields of an answer that they do not know, and read an unknown value of an
enumeration, or an unknown kind of a union that says its kinds, as "something else": all of these
may be added. Requests refuse unknown fields, so that none may go away.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_TEXT_FORMS = ("pattern", "format")


def incompatible_changes(released: Object, current: Object) -> list[str]:
    """Return each change between two documents that can break a client, with its place."""
    return [
        change
        for path, operations in released["paths"].items()
        for method, operation in operations.items()
        for change in _operation_changes(
            f"{method.upper()} {path}",
            (operation, current["paths"].get(path, {}).get(method)),
            (released["components"], current["components"]),
        )
    ]


def _operation_changes(
    name: str, operations: tuple[Object, Object | None], components: tuple[Object, Object]
) -> Iterator[str]:
    released, current = operations
    if current is None:
        yield f"{name}: removed"
        return
    if released["operationId"] != current["operationId"]:
        yield f"{name}: operationId is {current['operationId']}, was {released['operationId']}"
    for permission in sorted({*current["x-permissions"]} - {*released["x-permissions"]}):
        yield f"{name}: needs the permission {permission}"
    requests = _Comparison(components, is_request=True)
    yield from _parameter_changes(name, released, current, requests)
    yield from _body_changes(f"{name} body", released, current, requests)
    yield from _answer_changes(name, released, current, _Comparison(components, is_request=False))


def _parameter_changes(
    name: str, released: Object, current: Object, comparison: "_Comparison"
) -> Iterator[str]:
    before, after = _parameters(released), _parameters(current)
    for key, parameter in before.items():
        place = f"{name} {parameter['in']}.{parameter['name']}"
        if key not in after:
            yield f"{place}: removed"
            continue
        if after[key].get("required") and not parameter.get("required"):
            yield f"{place}: became required"
        yield from comparison.changes(place, parameter["schema"], after[key]["schema"])
    for key, parameter in after.items():
        if key not in before and parameter.get("required"):
            yield f"{name} {parameter['in']}.{parameter['name']}: new and required"


def _parameters(operation: Object) -> dict[tuple[str, str], Object]:
    return {(item["in"], item["name"]): item for item in operation.get("parameters", [])}


def _body_changes(
    place: str, released: Object, current: Object, comparison: "_Comparison"
) -> Iterator[str]:
    before, after = released.get("requestBody"), current.get("requestBody")
    if after is None:
        if before is not None:
            yield f"{place}: removed"
        return
    if after.get("required") and not (before or {}).get("required"):
        yield f"{place}: became required"
    yield from _content_changes(place, before or {}, after, comparison)


def _answer_changes(
    name: str, released: Object, current: Object, comparison: "_Comparison"
) -> Iterator[str]:
    """Yield changes of successful answers; problems all have one form, and may come and go."""
    for status, answer in released["responses"].items():
        if status >= "400":
            continue
        after = current["responses"].get(status)
        if after is None:
            yield f"{name} {status}: removed"
            continue
        for header in answer.get("headers", {}).keys() - after.get("headers", {}).keys():
            yield f"{name} {status}: the header {header} was removed"
        yield from _content_changes(f"{name} {status}", answer, after, comparison)


def _content_changes(
    place: str, released: Object, current: Object, comparison: "_Comparison"
) -> Iterator[str]:
    for media_type, content in released.get("content", {}).items():
        after = current.get("content", {}).get(media_type)
        if after is None:
            yield f"{place}: {media_type} was removed"
        else:
            schemas = [content.get("schema", {}), after.get("schema", {})]
            yield from comparison.changes(place, *schemas)
            items = [schema.get("x-item-schema") for schema in schemas]
            if all(items):
                yield from comparison.changes(f"{place} item", *items)


class _Comparison:
    """Compares schemas of requests, which may accept more, or of answers, which may give more."""

    def __init__(self, components: tuple[Object, Object], *, is_request: bool) -> None:
        self._released, self._current = components
        self._is_request = is_request
        #: Pairs of references that are being compared: schemas may contain themselves.
        self._open: set[tuple[str, str]] = set()

    def changes(self, place: str, released: Object, current: Object) -> Iterator[str]:
        """Yield what narrows a request, or takes something out of an answer."""
        pair = (str(released.get("$ref", "")), str(current.get("$ref", "")))
        if all(pair):
            if pair in self._open:
                return
            self._open.add(pair)
        if not self._is_request:
            current = _of_known_kinds(released, current)
        before, after = (
            self._choices(released, self._released),
            self._choices(current, self._current),
        )
        # Of a request every former choice must be accepted; of an answer each present one known.
        wanted, offered = (before, after) if self._is_request else (after, before)
        for choice in wanted:
            yield from self._best(place, choice, offered)
        self._open.discard(pair)

    def _best(self, place: str, choice: Object, offered: list[Object]) -> list[str]:
        """Return the changes towards the choice that fits best."""
        candidates = [
            list(self._plain(place, choice, other))
            if self._is_request
            else list(self._plain(place, other, choice))
            for other in offered
        ]
        return min(candidates, key=lambda found: (len(found), _is_type_change(found)))

    def _choices(self, schema: Object, components: Object) -> list[Object]:
        """Return the plain schemas of which a schema lets one hold."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self._choices(components["schemas"][name], components)
        if isinstance(schema.get("type"), list):
            return [{**schema, "type": kind} for kind in schema["type"]]
        inner = schema.get("anyOf") or schema.get("oneOf")
        if not inner:
            return [schema]
        return [choice for one in inner for choice in self._choices(one, components)]

    def _plain(self, place: str, released: Object, current: Object) -> Iterator[str]:
        before, after = released.get("type"), current.get("type")
        if before != after:
            narrow, wide = (before, after) if self._is_request else (after, before)
            if wide is not None and (narrow, wide) != ("integer", "number"):
                yield f"{place}: is {after or 'anything'}, was {before or 'anything'}"
            return
        yield from self._value_changes(place, released, current)
        if "items" in released and "items" in current:
            yield from self.changes(f"{place}[]", released["items"], current["items"])
        yield from self._field_changes(place, released, current)

    def _value_changes(self, place: str, released: Object, current: Object) -> Iterator[str]:
        before, after = _values(released), _values(current)
        if before is not None and after is not None:
            for value in before:
                if value not in after:
                    yield f"{place}: the value {value!r} was removed"
        elif (after if self._is_request else before) is not None:
            yield f"{place}: the values are {after or 'any'}, were {before or 'any'}"
        if self._is_request:
            yield from _bound_changes(place, released, current)

    def _field_changes(self, place: str, released: Object, current: Object) -> Iterator[str]:
        before, after = released.get("properties", {}), current.get("properties", {})
        for name, schema in before.items():
            if name in after:
                yield from self.changes(f"{place}.{name}", schema, after[name])
            elif "properties" in current or not self._is_request:
                yield f"{place}.{name}: removed"
        required, now_required = {*released.get("required", ())}, {*current.get("required", ())}
        if self._is_request:
            for name in sorted(now_required - required):
                yield f"{place}.{name}: {'became' if name in before else 'new and'} required"
        else:
            for name in sorted((required - now_required) & after.keys()):
                yield f"{place}.{name}: may now be absent"
        rest, present_rest = (schema.get("additionalProperties") for schema in (released, current))
        if isinstance(rest, Mapping) and isinstance(present_rest, Mapping):
            yield from self.changes(f"{place}.*", rest, present_rest)


def _of_known_kinds(released: Object, current: Object) -> Object:
    """Return a union of an answer without the kinds that the release did not have."""
    known, kinds = (
        schema.get("discriminator", {}).get("mapping", {}) for schema in (released, current)
    )
    if not known or not kinds:
        return current
    return {**current, "oneOf": [{"$ref": kinds[kind]} for kind in kinds if kind in known]}


def _is_type_change(found: list[str]) -> bool:
    return any(": is " in change for change in found)


def _values(schema: Object) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def _bound_changes(place: str, released: Object, current: Object) -> Iterator[str]:
    for name in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
        before, after = released.get(name), current.get(name)
        if after is None or before == after:
            continue
        if before is None or (after > before) == (name in _LOWER_BOUNDS):
            yield f"{place}: {name} is {after}, was {'none' if before is None else before}"
    for name in _TEXT_FORMS:
        if name in current and current[name] != released.get(name):
            yield f"{place}: {name} is {current[name]}, was {released.get(name, 'none')}"
