"""Types of target fields: how a mapped value becomes a typed one, and how the catalogue shows it.

A model's fields use these types; validation, the catalogue and the documentation all come from
the model.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.fields import FieldInfo

#: Longest text field, in characters.
MAX_TEXT_LENGTH = 10_000
#: Longest text that people write for people to read, in characters.
MAX_PROSE_LENGTH = 100_000
#: Longest external id or scope: two of them with any characters fit into one index entry.
MAX_EXTERNAL_ID_LENGTH = 255
#: Largest JSON field, in bytes of JSON text.
MAX_JSON_BYTES = 1024 * 1024
#: Floats beyond this may have lost digits; below it, whole ones read as integers.
_EXACT_INTEGER = 2**53

FieldTypeName = Literal["string", "int", "number", "boolean", "enum", "json", "ref"]


@dataclass(frozen=True, slots=True)
class FieldType:
    """Marks a field's type for the catalogue."""

    name: FieldTypeName
    #: For a ref: the type of entity that it names.
    ref_entity_type: str | None = None
    #: For a string: a form that it has to have, as in JSON Schema.
    format: str | None = None


class ActionFields(BaseModel):
    """The target fields of an action. ``model_fields_set`` tells which ones were given.

    A field that the body lacks is not set; one that is null or an empty text there is set to None,
    which clears it. Where None is no type of a field, it cannot be cleared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _text(value: object) -> object:
    """Return text for any JSON scalar; objects and arrays have no text form."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            whole = value.is_integer() and abs(value) < _EXACT_INTEGER
            return str(int(value)) if whole else repr(value)
        case dict() | list():
            raise ValueError(f"must be text, not {_kind(value)}")
        case _:
            return value


def _storable(value: str) -> str:
    """Refuse what PostgreSQL cannot keep as text; pydantic refuses halves of surrogate pairs."""
    if "\x00" in value:
        raise ValueError("must not contain the character U+0000")
    return value


def _number(value: object) -> object:
    """Refuse booleans, which Python takes for numbers; let texts of digits pass."""
    if isinstance(value, bool | dict | list):
        raise ValueError(f"must be a number, not {_kind(value)}")  # noqa: TRY004 - pydantic's way
    return value


def _boolean(value: object) -> object:
    """Return a boolean for one or for its name; nothing else says clearly what it means."""
    named = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in named:
        return named[value]
    raise ValueError("must be true or false")


def _moment(value: object) -> object:
    """Return a time for text in ISO 8601; without a zone it is UTC, a day alone is its start."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError(f"must be a time in ISO 8601, not {_kind(value)}")  # noqa: TRY004 - pydantic's way
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a time in ISO 8601, such as 2026-03-01T10:00:00Z") from error


def _json(value: object) -> object:
    """Refuse what is too large or too deep to be kept, alone or inside other documents."""
    try:
        size = len(orjson.dumps([[[[value]]]])) - 8
    except TypeError as error:
        raise ValueError(f"cannot be kept as JSON: {error}") from error
    if size > MAX_JSON_BYTES:
        raise ValueError(f"must have at most {MAX_JSON_BYTES} bytes of JSON, has {size}")
    return value


def _kind(value: object) -> str:
    names = {bool: "a boolean", dict: "an object", list: "an array"}
    return names.get(type(value), type(value).__name__)


_STRING = FieldType("string")
_TEXT_RULES = (BeforeValidator(_text), AfterValidator(_storable), _STRING)

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_LENGTH), *_TEXT_RULES]
ShortText = Annotated[str, StringConstraints(max_length=255), *_TEXT_RULES]
ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_EXTERNAL_ID_LENGTH), *_TEXT_RULES
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    *_TEXT_RULES,
]
Prose = Annotated[str, StringConstraints(max_length=MAX_PROSE_LENGTH), *_TEXT_RULES]
Integer = Annotated[int, BeforeValidator(_number), FieldType("int")]
Number = Annotated[
    float, BeforeValidator(_number), Field(allow_inf_nan=False), FieldType("number")
]
Boolean = Annotated[bool, BeforeValidator(_boolean), FieldType("boolean")]
Moment = Annotated[datetime, BeforeValidator(_moment), FieldType("string", format="date-time")]
Json = Annotated[Any, AfterValidator(_json), FieldType("json")]
JsonObject = Annotated[dict[str, Any], AfterValidator(_json), FieldType("json")]

AssetRef = Annotated[UUID, FieldType("ref", ref_entity_type="asset")]
BoardRef = Annotated[UUID, FieldType("ref", ref_entity_type="board")]
CategoryRef = Annotated[UUID, FieldType("ref", ref_entity_type="ticket_category")]
ClientRef = Annotated[UUID, FieldType("ref", ref_entity_type="client")]
ContactRef = Annotated[UUID, FieldType("ref", ref_entity_type="contact")]
LocationRef = Annotated[UUID, FieldType("ref", ref_entity_type="client_location")]
PriorityRef = Annotated[UUID, FieldType("ref", ref_entity_type="priority")]
ProjectPhaseRef = Annotated[UUID, FieldType("ref", ref_entity_type="project_phase")]
ProjectRef = Annotated[UUID, FieldType("ref", ref_entity_type="project")]
ProjectStatusRef = Annotated[UUID, FieldType("ref", ref_entity_type="project_status_mapping")]
ServiceRef = Annotated[UUID, FieldType("ref", ref_entity_type="service")]
SubcategoryRef = Annotated[UUID, FieldType("ref", ref_entity_type="ticket_subcategory")]
TeamRef = Annotated[UUID, FieldType("ref", ref_entity_type="team")]
TicketPriorityRef = Annotated[UUID, FieldType("ref", ref_entity_type="ticket_priority")]
TicketStatusRef = Annotated[UUID, FieldType("ref", ref_entity_type="ticket_status")]
UserRef = Annotated[UUID, FieldType("ref", ref_entity_type="user")]
WorkItemRef = Annotated[UUID, FieldType("ref", ref_entity_type="work_item")]


def unclearable(description: str) -> Any:
    """Declare a field that a delivery may leave out but not clear: its type has no None."""
    return Field(default=None, description=description)


@cache
def field_types(model: type[ActionFields]) -> Mapping[str, FieldType]:
    """Return the type of each field of a model."""
    return MappingProxyType(
        {name: field_type(field) for name, field in model.model_fields.items()}
    )


@cache
def unclearable_fields(model: type[ActionFields]) -> frozenset[str]:
    """Return the fields of a model that null does not fit."""
    return frozenset(name for name, field in model.model_fields.items() if not _is_nullable(field))


def target_fields(model: type[ActionFields]) -> list[dict[str, Any]]:
    """Return a model's fields as the catalogue shows them, in order of declaration."""
    return [_target_field(name, field) for name, field in model.model_fields.items()]


def _target_field(name: str, field: FieldInfo) -> dict[str, Any]:
    kind = field_type(field)
    shown: dict[str, Any] = {
        "name": name,
        "type": kind.name,
        "required": field.is_required(),
        "nullable": _is_nullable(field),
        "description": field.description or "",
    }
    if isinstance(field.default, str | int | float):
        shown["default"] = field.default
    if kind.format is not None:
        shown["format"] = kind.format
    if kind.name == "enum":
        shown["enum_values"] = _enum_values(field)
    if kind.ref_entity_type is not None:
        shown["ref_entity_type"] = kind.ref_entity_type
    return shown


def field_type(field: FieldInfo) -> FieldType:
    """Return the type of a model's field."""
    marks = [mark for mark in _marks(field) if isinstance(mark, FieldType)]
    if marks:
        return marks[0]
    return FieldType("enum" if _enum_values(field) else "boolean")


def _is_nullable(field: FieldInfo) -> bool:
    return NoneType in get_args(field.annotation)


def _enum_values(field: FieldInfo) -> list[str]:
    """Return the values of the ``Literal`` in a field's annotation."""
    options = (field.annotation, *get_args(field.annotation))
    return [value for option in options for value in get_args(option) if isinstance(value, str)]


def _marks(field: FieldInfo) -> Iterator[object]:
    yield from field.metadata
    for option in get_args(field.annotation):  # the types in ``Annotated[...] | None``
        yield from getattr(option, "__metadata__", ())
