"""Types of target fields: how a mapped value becomes a typed one, and how the catalogue shows it.

A model's fields use these types; validation, the catalogue and the documentation all come from
the model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic.fields import FieldInfo

#: Longest text field, in characters.
MAX_TEXT_LENGTH = 10_000
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


class ActionFields(BaseModel):
    """The target fields of an action. ``model_fields_set`` tells which ones were given.

    A field that the body lacks is not set; one that is null or an empty text there is set to None,
    which clears it.
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


def _json(value: object) -> object:
    """Refuse what is too large or too deep to be kept."""
    try:
        size = len(orjson.dumps(value))
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
Integer = Annotated[int, BeforeValidator(_number), FieldType("int")]
Number = Annotated[float, BeforeValidator(_number), FieldType("number")]
Json = Annotated[Any, AfterValidator(_json), FieldType("json")]
ClientRef = Annotated[UUID, FieldType("ref", ref_entity_type="client")]


def target_fields(model: type[ActionFields]) -> list[dict[str, Any]]:
    """Return a model's fields as the catalogue shows them, in order of declaration."""
    return [_target_field(name, field) for name, field in model.model_fields.items()]


def _target_field(name: str, field: FieldInfo) -> dict[str, Any]:
    kind = field_type(field)
    shown: dict[str, Any] = {
        "name": name,
        "type": kind.name,
        "required": field.is_required(),
        "description": field.description or "",
    }
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


def _enum_values(field: FieldInfo) -> list[str]:
    """Return the values of the ``Literal`` in a field's annotation."""
    options = (field.annotation, *get_args(field.annotation))
    return [value for option in options for value in get_args(option) if isinstance(value, str)]


def _marks(field: FieldInfo) -> Iterator[object]:
    yield from field.metadata
    for option in get_args(field.annotation):  # the types in ``Annotated[...] | None``
        yield from getattr(option, "__metadata__", ())
