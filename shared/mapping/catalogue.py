"""A model's fields as the catalogue shows them, and back: a model made of what it shows.

Workers announce their models; whoever has the catalogue alone can fill and judge fields as a
worker would, but for rules that only the worker's own code knows, such as what a currency is.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import Field, StringConstraints, create_model
from pydantic.fields import FieldInfo

from shared.mapping.fields import (
    TEXT_RULES,
    ActionFields,
    Boolean,
    FieldType,
    Integer,
    Json,
    JsonObject,
    Lookup,
    Moment,
    Number,
    enum_values,
    field_type,
    is_nullable,
    marks_of,
    python_type,
)

#: One field in the catalogue: ``name``, ``type``, ``required``, ``nullable``, ``description`` and,
#: where they apply, ``default``, ``format``, ``enum_values``, ``ref_entity_type``, ``json_type``,
#: ``lookup`` and limits.
TargetField = Mapping[str, Any]

#: Attribute of an annotation to the limit's name in the catalogue.
_LIMITS = MappingProxyType(
    {
        (StringConstraints, "min_length"): "min_length",
        (StringConstraints, "max_length"): "max_length",
        (StringConstraints, "strip_whitespace"): "strip_whitespace",
        (MinLen, "min_length"): "min_length",
        (MaxLen, "max_length"): "max_length",
        (Ge, "ge"): "minimum",
        (Gt, "gt"): "exclusive_minimum",
        (Le, "le"): "maximum",
        (Lt, "lt"): "exclusive_maximum",
    }
)
_TYPES: Mapping[tuple[str, str | None], Any] = MappingProxyType(
    {
        ("string", None): str,
        ("string", "uuid"): UUID,
        ("string", "date-time"): Moment,
        ("int", None): Integer,
        ("number", None): Number,
        ("boolean", None): Boolean,
        ("json", None): Json,
        ("json", "object"): JsonObject,
    }
)

_BOUNDS = MappingProxyType(
    {"minimum": Ge, "exclusive_minimum": Gt, "maximum": Le, "exclusive_maximum": Lt}
)


def target_fields(model: type[ActionFields]) -> list[dict[str, Any]]:
    """Return a model's fields as the catalogue shows them, in order of declaration."""
    return [_target_field(name, field) for name, field in model.model_fields.items()]


def _target_field(name: str, field: FieldInfo) -> dict[str, Any]:
    kind = field_type(field)
    shown: dict[str, Any] = {
        "name": name,
        "type": kind.name,
        "required": field.is_required(),
        "nullable": is_nullable(field),
        "description": field.description or "",
        **dict(_limits(field)),
    }
    if isinstance(field.default, str | int | float):
        shown["default"] = field.default
    if kind.format is not None:
        shown["format"] = kind.format
    if kind.name == "enum":
        shown["enum_values"] = enum_values(field)
    if kind.ref_entity_type is not None:
        shown["ref_entity_type"] = kind.ref_entity_type
    lookups = [mark for mark in marks_of(field) if isinstance(mark, Lookup)]
    if lookups:
        shown["lookup"] = lookups[0].shown()
    if kind.name == "json" and python_type(field) is dict:
        shown["json_type"] = "object"
    return shown


def _limits(field: FieldInfo) -> Iterator[tuple[str, Any]]:
    for mark in marks_of(field):
        for (kind, attribute), name in _LIMITS.items():
            if isinstance(mark, kind) and (limit := getattr(mark, attribute)) is not None:
                yield name, limit


def announced_model(fields: Sequence[TargetField]) -> type[ActionFields]:
    """Return a model of the fields that the catalogue shows.

    It takes and refuses what the announced model does, and has the same defaults.
    """
    definitions: dict[str, Any] = {field["name"]: _definition(field) for field in fields}
    return create_model("AnnouncedFields", __base__=ActionFields, **definitions)


def _definition(field: TargetField) -> tuple[Any, Any]:
    annotation: Any = Annotated[(_python_type(field), *_marks(field))]
    # Catalogues written before this key say nothing: then an optional field may be cleared.
    if field.get("nullable", not field["required"]):
        annotation = Optional[annotation]  # noqa: UP045 - an annotation made at run time
    default = ... if field["required"] else field.get("default")
    return annotation, Field(default, description=field["description"])


def _python_type(field: TargetField) -> Any:
    match field["type"]:
        case "enum":
            return Literal[tuple(field["enum_values"])]
        case "ref":
            return UUID
        case name:
            return _TYPES[name, field.get("json_type", field.get("format"))]


def _marks(field: TargetField) -> Iterator[object]:
    if field["type"] == "string" and "format" not in field:
        yield StringConstraints(
            strip_whitespace=field.get("strip_whitespace"),
            min_length=field.get("min_length"),
            max_length=field.get("max_length"),
        )
        yield from TEXT_RULES
    yield from (make(field[name]) for name, make in _BOUNDS.items() if name in field)
    if "lookup" in field:
        yield Lookup(**field["lookup"])
    yield FieldType(field["type"], field.get("ref_entity_type"), field.get("format"))
