"""Types of target fields: how a mapped value becomes a typed one.

A model's fields use these types; validation, the catalogue and the documentation all come from
the model.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
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

    def shown(self) -> str:
        """Return the type in words, such as ``ref: client`` or ``string, date-time``."""
        if self.ref_entity_type is not None:
            return f"{self.name}: {self.ref_entity_type}"
        return f"{self.name}, {self.format}" if self.format is not None else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Marks a field whose value is a sender's id: what it stands for is looked up.

    The catalogue shows it, so that a dry run can tell what the action would find and do.
    """

    #: What it stands for; None where another field says so.
    entity_type: str | None = None
    #: The field whose value is the entity type.
    entity_type_field: str | None = None
    #: The field whose value is the scope in which the id is unique.
    realm_field: str | None = None
    #: The field that names the entity by itself: where it has a value, nothing is looked up.
    unless: str | None = None
    #: What the action does with what is there: change it, refer to it, or refuse.
    on_found: Literal["update", "use", "reject"]
    #: What it does where nothing is there.
    on_missing: Literal["create", "reject"]
    #: What it does where something was there, and is gone.
    on_stale: Literal["create", "reject"] = "reject"

    def shown(self) -> dict[str, str]:
        """Return the lookup as the catalogue shows it."""
        known = {slot: getattr(self, slot) for slot in self.__slots__}
        return {name: value for name, value in known.items() if value is not None}


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
_JSON = FieldType("json")
_UNMARKED: Mapping[object, FieldType] = MappingProxyType(
    {
        str: _STRING,
        int: FieldType("int"),
        float: FieldType("number"),
        bool: FieldType("boolean"),
        UUID: FieldType("string", format="uuid"),
        datetime: FieldType("string", format="date-time"),
    }
)
#: What makes text of a JSON scalar; after the constraints on it.
TEXT_RULES = (BeforeValidator(_text), AfterValidator(_storable), _STRING)

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_LENGTH), *TEXT_RULES]
ShortText = Annotated[str, StringConstraints(max_length=255), *TEXT_RULES]
ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_EXTERNAL_ID_LENGTH), *TEXT_RULES
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    *TEXT_RULES,
]
Prose = Annotated[str, StringConstraints(max_length=MAX_PROSE_LENGTH), *TEXT_RULES]
Integer = Annotated[int, BeforeValidator(_number), FieldType("int")]
Number = Annotated[
    float, BeforeValidator(_number), Field(allow_inf_nan=False), FieldType("number")
]
Boolean = Annotated[bool, BeforeValidator(_boolean), FieldType("boolean")]
Moment = Annotated[datetime, BeforeValidator(_moment), FieldType("string", format="date-time")]
Json = Annotated[Any, AfterValidator(_json), _JSON]
JsonObject = Annotated[dict[str, Any], AfterValidator(_json), _JSON]

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
def required_fields(model: type[ActionFields]) -> frozenset[str]:
    """Return the fields of a model that have to be given."""
    return frozenset(name for name, field in model.model_fields.items() if field.is_required())


@cache
def unclearable_fields(model: type[ActionFields]) -> frozenset[str]:
    """Return the fields of a model that null does not fit."""
    return frozenset(name for name, field in model.model_fields.items() if not is_nullable(field))


def field_type(field: FieldInfo) -> FieldType:
    """Return the type of a model's field: its mark, or what its Python type comes nearest to."""
    marks = [mark for mark in marks_of(field) if isinstance(mark, FieldType)]
    if marks:
        return marks[0]
    return FieldType("enum") if enum_values(field) else _UNMARKED.get(python_type(field), _JSON)


def python_type(field: FieldInfo) -> object:
    """Return a field's type without None, annotations and arguments; None where there are many."""
    options = {get_origin(option) or option for option in _plain_options(field)}
    return options.pop() if len(options) == 1 else None


def _options(field: FieldInfo) -> tuple[Any, ...]:
    """Return the types of a union without None, or the one type."""
    if get_origin(field.annotation) in (Union, UnionType):
        return tuple(option for option in get_args(field.annotation) if option is not NoneType)
    return (field.annotation,)


def _plain_options(field: FieldInfo) -> Iterator[Any]:
    """Yield the types without what annotates them."""
    for option in _options(field):
        yield get_args(option)[0] if get_origin(option) is Annotated else option


def is_nullable(field: FieldInfo) -> bool:
    """Return whether None is a type of a field, so that null may clear it."""
    return NoneType in get_args(field.annotation)


def enum_values(field: FieldInfo) -> list[str]:
    """Return the values of the ``Literal`` in a field's annotation."""
    literals = (option for option in _plain_options(field) if get_origin(option) is Literal)
    return [value for option in literals for value in get_args(option) if isinstance(value, str)]


def marks_of(field: FieldInfo) -> Iterator[object]:
    """Yield what annotates a field, innermost last word first: markers, validators and limits."""
    yield from _flat(field.metadata)
    for option in _options(field):  # the types in ``Annotated[...] | None``
        yield from _flat(getattr(option, "__metadata__", ()))


def _flat(marks: Iterable[object]) -> Iterator[object]:
    for mark in marks:
        if isinstance(mark, FieldInfo):
            yield from mark.metadata
        else:
            yield mark
