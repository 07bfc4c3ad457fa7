"""Expectations on fields in the catalogue, and on the model that is made of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from shared.mapping.catalogue import announced_model, target_fields
from shared.mapping.fields import (
    ActionFields,
    Boolean,
    ClientRef,
    ExternalId,
    Integer,
    Json,
    JsonObject,
    Moment,
    Name,
    Number,
    Text,
    unclearable,
)
from shared.mapping.filling import Filling, fill_fields
from shared.mapping.mapper import wanted_expressions
from worker.actions.bundled import BUNDLED
from worker.actions.registry import Registry


class Device(ActionFields):
    """One field of every type."""

    external_id: ExternalId = Field(description="The id.")
    name: Text | None = Field(None, description="The name.")
    ports: Annotated[Integer, Field(ge=1, le=65_535)] | None = None
    load: Annotated[Number, Field(gt=0, lt=1)] | None = None
    is_on: Boolean | None = None
    state: Literal["up", "down"] | None = "up"
    extra: Json | None = None
    properties: JsonObject | None = None
    client_id: ClientRef | None = None
    label: Name = unclearable("A label.")
    seen_at: Moment | None = None
    is_new: Boolean | None = True


class Unmarked(ActionFields):
    """Plain Python types."""

    text: str
    whole: int
    real: float | None = None
    is_on: bool | None = None
    id: UUID | None = None
    at: datetime | None = None
    items: list[int] | None = None
    either: int | str | None = None
    choice: Literal["a", "b"] = "a"


def _shown(model: type[ActionFields]) -> dict[str, dict[str, Any]]:
    return {field.pop("name"): field for field in target_fields(model)}


def test_catalogue_shows_every_type() -> None:
    """Names, types, duties, texts, limits, enum values and references come from the model."""
    optional = {"required": False, "nullable": True, "description": ""}
    text = {"type": "string", "min_length": 1, "max_length": 255}
    assert _shown(Device) == {
        "external_id": text | {"required": True, "nullable": False, "description": "The id."},
        "name": optional | {"type": "string", "max_length": 10_000, "description": "The name."},
        "ports": optional | {"type": "int", "minimum": 1, "maximum": 65_535},
        "load": optional | {"type": "number", "exclusive_minimum": 0, "exclusive_maximum": 1},
        "is_on": optional | {"type": "boolean"},
        "state": optional | {"type": "enum", "enum_values": ["up", "down"], "default": "up"},
        "extra": optional | {"type": "json"},
        "properties": optional | {"type": "json", "json_type": "object"},
        "client_id": optional | {"type": "ref", "ref_entity_type": "client"},
        "label": optional
        | text
        | {"nullable": False, "strip_whitespace": True, "description": "A label."},
        "seen_at": optional | {"type": "string", "format": "date-time"},
        "is_new": optional | {"type": "boolean", "default": True},
    }


def test_plain_types_are_shown_as_what_they_are() -> None:
    """An action need not use the types of the house."""
    shown = {
        name: (field["type"], field.get("format")) for name, field in _shown(Unmarked).items()
    }
    assert shown == {
        "text": ("string", None),
        "whole": ("int", None),
        "real": ("number", None),
        "is_on": ("boolean", None),
        "id": ("string", "uuid"),
        "at": ("string", "date-time"),
        "items": ("json", None),
        "either": ("json", None),
        "choice": ("enum", None),
    }


def _announced(model: type[ActionFields]) -> type[ActionFields]:
    """Return what is made of a model that went through the catalogue's JSON."""
    return announced_model(orjson.loads(orjson.dumps(target_fields(model))))


@pytest.mark.parametrize("model", [Device, Unmarked])
def test_an_announced_model_is_shown_like_the_original(model: type[ActionFields]) -> None:
    """There and back again, nothing is lost."""
    assert target_fields(_announced(model)) == target_fields(model)


def test_an_entry_without_newer_keys_is_read() -> None:
    """Workers of an earlier version told neither limits nor what may be null."""
    model = announced_model(
        [
            {"name": "id", "type": "string", "required": True, "description": ""},
            {"name": "note", "type": "string", "required": False, "description": ""},
        ]
    )

    assert model.model_validate({"id": "a", "note": None}).model_dump() == {
        "id": "a",
        "note": None,
    }


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["up", "12", " 1.5 ", "true", "2026-03-01", "x" * 256, " ", "a\x00", "1e3"]),
    st.just("018f0000-0000-7000-8000-000000000001"),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
_ANNOUNCED = _announced(Device)


@given(results=st.dictionaries(st.sampled_from(sorted(Device.model_fields)), _VALUES))
def test_an_announced_model_judges_like_the_original(results: Mapping[str, object]) -> None:
    """The same values of the same types, and the same faults in the same words."""
    original, announced = _fill(Device, results), _fill(_ANNOUNCED, results)

    assert [fault.details() for fault in announced.faults] == [
        fault.details() for fault in original.faults
    ]
    assert announced.values() == original.values()


def _fill(model: type[ActionFields], results: Mapping[str, object]) -> Filling:
    return fill_fields(model, wanted_expressions(model, dict.fromkeys(results, "x")), results)


def test_every_bundled_action_can_be_previewed() -> None:
    """What the catalogue shows of it makes the same fields."""
    registry = Registry()
    for module in BUNDLED:
        registry.add_module(module)
    for definition in registry.definitions():
        fields = definition["target_fields"]
        assert target_fields(announced_model(fields)) == fields
