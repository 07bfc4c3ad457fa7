"""Links of the OpenAPI document: where to go on with the id that an answer holds.

They follow from the paths: a page leads to what stands below the list, something new to every
operation on things of its kind. Operators' answers lead to operators' operations alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from control_api.documentation import JSON

Object = dict[str, Any]

_PLACE = re.compile(r"\{(\w+)\}")
#: What contents call the ids of paths, where they have another name.
_FIELDS = {"webhook_id": "inbound_webhook_id"}
#: Statuses of answers with something new.
_NEW = ("201", "202")


class _Operation(NamedTuple):
    path: str
    described: Object

    @property
    def places(self) -> list[str]:
        return _PLACE.findall(self.path)

    @property
    def is_for_operators(self) -> bool:
        return bool(self.described["x-permissions"] == ["operator"])


def write_links(document: Object) -> None:
    """Write links into the successful answers of a document's operations."""
    operations = [
        _Operation(path, described)
        for path, methods in document["paths"].items()
        for described in methods.values()
    ]
    for source in operations:
        for status, answer in source.described["responses"].items():
            if status >= "300":
                continue
            schema = answer.get("content", {}).get(JSON, {}).get("schema", {})
            content = _content(schema, document["components"]["schemas"])
            if links := dict(_links(source, status, content, operations)):
                answer["links"] = links


def _links(
    source: _Operation, status: str, content: Object, operations: Sequence[_Operation]
) -> Iterator[tuple[str, Object]]:
    is_page = content.get("type") == "array"
    if not (is_page or status in _NEW):
        return
    thing = content["items"] if is_page else content
    # A thing's own id is the first that it has.
    own = next((name for name in thing.get("properties", {}) if name.endswith("_id")), None)
    known = {place: f"$request.path.{place}" for place in source.places}
    known |= {
        place: f"$response.body#/data{'/0' if is_page else ''}/{own}"
        for operation in operations
        for place in operation.places
        if _FIELDS.get(place, place) == own
    }
    for target in operations:
        if (
            target.places
            and _FIELDS.get(target.places[-1], target.places[-1]) == own
            and known.keys() >= {*target.places}
            and target.is_for_operators == source.is_for_operators
            and (target.path.startswith(f"{source.path}/") or not is_page)
        ):
            name = target.described["operationId"]
            parameters = {place: known[place] for place in target.places}
            yield name, {"operationId": name, "parameters": parameters}


def _content(schema: Object, schemas: Mapping[str, Object]) -> Object:
    """Return the schema of what an answer holds in ``data``, its references followed."""
    data = _resolved(_resolved(schema, schemas).get("properties", {}).get("data", {}), schemas)
    return {**data, "items": _resolved(data["items"], schemas)} if "items" in data else data


def _resolved(schema: Object, schemas: Mapping[str, Object]) -> Object:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema
