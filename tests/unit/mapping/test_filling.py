"""From expression results to typed fields."""

from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from shared.errors import ExpressionError
from shared.expressions.plain import MISSING
from shared.mapping.fields import (
    MAX_EXTERNAL_ID_LENGTH,
    ActionFields,
    Boolean,
    ClientRef,
    ExternalId,
    Integer,
    Json,
    Moment,
    Name,
    Number,
    Text,
    unclearable,
)
from shared.mapping.filling import TOGETHER, Filling, fill_fields
from shared.mapping.mapper import wanted_expressions

_UUID = "018f0000-0000-7000-8000-000000000001"


class Device(ActionFields):
    """One field of every type."""

    external_id: ExternalId = Field(description="The id.")
    name: Text | None = Field(None, description="The name.")
    ports: Integer | None = None
    load: Number | None = None
    is_on: bool | None = None
    state: Literal["up", "down"] | None = None
    extra: Json | None = None
    client_id: ClientRef | None = None
    label: Name = unclearable("A label.")
    seen_at: Moment | None = None
    is_new: Boolean | None = True


def _filling(**results: object) -> Filling:
    results.setdefault("external_id", "d")
    expressions = wanted_expressions(Device, {name: f"body.{name}" for name in results})
    return fill_fields(Device, expressions, results)


def _fill(**results: object) -> Device:
    fields = _filling(**results).fields
    assert isinstance(fields, Device)
    return fields


def _faults(**results: object) -> list[dict[str, object]]:
    filling = _filling(**results)
    assert filling.fields is None
    return [fault.details() for fault in filling.faults]


def test_missing_value_leaves_the_field_unset() -> None:
    """An update can tell what was not mentioned."""
    fields = _fill(name=MISSING)
    assert fields.model_fields_set == {"external_id"}


@pytest.mark.parametrize("empty", [None, ""])
def test_null_and_empty_text_clear_an_optional_field(empty: object) -> None:
    """Set to None is not the same as unset, for every type but JSON."""
    fields = _fill(name=empty, ports=empty, state=empty, client_id=empty)
    assert fields.model_fields_set == {"external_id", "name", "ports", "state", "client_id"}
    assert (fields.name, fields.ports, fields.state, fields.client_id) == (None,) * 4


def test_empty_text_is_a_json_value() -> None:
    """A JSON field takes what it gets."""
    fields = _fill(extra="")
    assert fields.extra == ""


@pytest.mark.parametrize(("value", "met"), [(MISSING, "nothing"), (None, "null"), ("", '""')])
def test_required_field_without_value_is_a_fault(value: object, met: str) -> None:
    """The fault names the field, its expression and what it gave."""
    assert _faults(external_id=value) == [
        {
            "field": "external_id",
            "rule": "required",
            "reason": f"is required, but the expression gave {met}",
            "expression": "body.external_id",
        }
    ]


def test_required_field_without_expression_is_a_fault() -> None:
    """A mapping that forgot a required field says so."""
    (fault,) = fill_fields(Device, {}, {}).faults
    assert (fault.field, fault.rule) == ("external_id", "not_mapped")


def test_expressions_for_other_fields_are_not_evaluated() -> None:
    """A field that the action does not have costs nothing."""
    assert set(wanted_expressions(Device, {"name": "a", "nmae": "b"})) == {"name"}


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (7, "7"), (2**70, str(2**70)), (7.0, "7"), (0.5, "0.5"), (True, "true")],
)
def test_scalars_have_a_text_form(value: object, text: str) -> None:
    """Numbers read as JSON writes them; a whole number has no fraction."""
    fields = _fill(name=value)
    assert fields.name == text


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", {"a": 1}, "must be text, not an object"),
        ("name", [1], "must be text, not an array"),
        ("name", "a\x00", "must not contain the character U+0000"),
        ("name", "\ud800", "unable to parse raw data as a unicode string"),
        ("external_id", "x" * (MAX_EXTERNAL_ID_LENGTH + 1), "at most 255 characters"),
        ("ports", True, "must be a number, not a boolean"),
        ("ports", 1.5, "valid integer"),
        ("ports", "many", "valid integer"),
        ("load", [1], "must be a number, not an array"),
        ("is_on", "perhaps", "valid boolean"),
        ("state", "sideways", "'up' or 'down'"),
        ("client_id", "acme", "valid UUID"),
    ],
)
def test_value_of_the_wrong_kind_is_a_fault(field: str, value: object, reason: str) -> None:
    """The fault has field, expression, reason and the value met."""
    (fault,) = _faults(**{field: value})
    assert fault["field"] == field
    assert fault["expression"] == f"body.{field}"
    assert reason in str(fault["reason"])
    assert fault["value"]


def test_texts_of_numbers_are_numbers() -> None:
    """Senders that quote their numbers are understood."""
    fields = _fill(ports="12", load="0.5", is_on="true", client_id=_UUID)
    assert (fields.ports, fields.load, fields.is_on, str(fields.client_id)) == (
        12,
        0.5,
        True,
        _UUID,
    )


def test_long_value_is_shortened_in_the_fault() -> None:
    """A megabyte in the wrong place does not become a megabyte of outcome."""
    (fault,) = _faults(name={"a": "x" * 1_000_000})
    assert len(str(fault["value"])) < 300


def test_every_fault_is_told_at_once() -> None:
    """Expression, absence and type: all of them, and the first one on top."""
    error = ExpressionError("no such function", expression="$f()", position=2, reason="evaluation")
    faults = _faults(external_id=MISSING, name=error, ports="many", label=None)
    assert [(fault["field"], fault["rule"]) for fault in faults] == [
        ("name", "evaluation"),
        ("external_id", "required"),
        ("label", "not_nullable"),
        ("ports", "int_parsing"),
    ]
    assert faults[0] == {
        "field": "name",
        "rule": "evaluation",
        "reason": "no such function",
        "expression": "$f()",
        "position": 2,
    }


def test_value_that_does_not_fit_is_told_in_full() -> None:
    """Field, rule, reason, expression, value met and type wanted: nothing is left to guess."""
    assert _faults(ports="abc", client_id=7, seen_at="soon") == [
        {
            "field": "ports",
            "rule": "int_parsing",
            "reason": "Input should be a valid integer, unable to parse string as an integer",
            "expression": "body.ports",
            "value": '"abc"',
            "wanted": "int",
        },
        {
            "field": "client_id",
            "rule": "uuid_type",
            "reason": "UUID input should be a string, bytes or UUID object",
            "expression": "body.client_id",
            "value": "7",
            "wanted": "ref: client",
        },
        {
            "field": "seen_at",
            "rule": "value_error",
            "reason": "must be a time in ISO 8601, such as 2026-03-01T10:00:00Z",
            "expression": "body.seen_at",
            "value": '"soon"',
            "wanted": "string, date-time",
        },
    ]


def test_values_of_sound_fields_stand_beside_the_faults() -> None:
    """What is right is known, typed, although the fields as a whole are not."""
    filling = _filling(ports="12", load="many", name=7, seen_at="2026-03-01", label=MISSING)

    assert filling.fields is None
    assert filling.values() == {
        "external_id": "d",
        "ports": 12,
        "name": "7",
        "seen_at": datetime(2026, 3, 1, tzinfo=UTC),
    }


def test_values_without_faults_are_those_of_the_fields() -> None:
    """Given ones only: a default is no value of the body."""
    assert _filling(ports="12", name=None).values() == {
        "external_id": "d",
        "ports": 12,
        "name": None,
    }


class Period(ActionFields):
    """Fields that have to go together, and one that may be one of two things."""

    start: Integer
    end: Integer
    either: int | bool | None = None

    @model_validator(mode="after")
    def _check_order(self) -> "Period":
        if self.start > self.end:
            raise ValueError("start is after end")
        return self


def test_fault_of_the_fields_together_belongs_to_none_of_them() -> None:
    """A model's own rule is told under the name that stands for all."""
    expressions = wanted_expressions(Period, {"start": "a", "end": "b"})
    filling = fill_fields(Period, expressions, {"start": 2, "end": 1})

    assert [fault.details() for fault in filling.faults] == [
        {"field": TOGETHER, "rule": "value_error", "reason": "start is after end"}
    ]
    assert filling.values() == {"start": 2, "end": 1}


def test_a_field_has_one_fault() -> None:
    """Of several types that a value does not fit, the first speaks."""
    expressions = wanted_expressions(Period, {"start": "a", "end": "b", "either": "c"})
    filling = fill_fields(Period, expressions, {"start": 1, "end": 2, "either": [1]})

    assert [fault.field for fault in filling.faults] == ["either"]


def test_a_secret_is_not_shown() -> None:
    """Neither under a key that names one, nor where the expression does."""
    expressions = wanted_expressions(Device, {"external_id": "id", "ports": "api_key"})
    filling = fill_fields(Device, expressions, {"external_id": "d", "ports": "hunter2"})
    (named,) = _faults(name={"id": 1, "Password": "hunter2", "deep": [{"accessToken": "hunter2"}]})

    assert [fault.value for fault in filling.faults] == ['"***"']
    assert named["value"] == '{"id":1,"Password":"***","deep":[{"accessToken":"***"}]}'


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    results=st.dictionaries(st.sampled_from(sorted(Device.model_fields)), _JSON | st.just(MISSING))
)
def test_any_result_fills_fields_or_is_explained(results: dict[str, object]) -> None:
    """Whatever an expression gives, the answer is typed fields or named faults."""
    expressions = wanted_expressions(Device, dict.fromkeys(results, "x"))
    filling = fill_fields(Device, expressions, results)
    if filling.fields is None:
        assert filling.faults
    else:
        assert filling.fields.model_fields_set <= results.keys()
        assert not filling.faults
    assert filling.values().keys() <= results.keys()


def test_null_does_not_clear_what_has_to_be_there() -> None:
    """A field without None in its type says so by name; left out, it stays as it is."""
    for value in (None, ""):
        (fault,) = _faults(label=value)
        assert (fault["field"], fault["rule"]) == ("label", "not_nullable")
        assert str(fault["reason"]).startswith("cannot be cleared")
    assert isinstance(_fill(label=MISSING), Device)


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("true", True), (False, False), ("false", False)]
)
def test_boolean_is_true_or_false(value: object, expected: bool) -> None:
    """The values and their names are taken."""
    fields = _fill(is_new=value)
    assert fields.is_new is expected


@pytest.mark.parametrize("value", ["yes", 1, 0, "True", {}, []])
def test_anything_else_is_no_boolean(value: object) -> None:
    """What does not say clearly what it means is refused."""
    (fault,) = _faults(is_new=value)
    assert (fault["field"], fault["reason"]) == ("is_new", "must be true or false")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T10:00:00", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01T10:00:00.5+02:00", "2026-03-01T08:00:00.500000+00:00"),
    ],
)
def test_moment_is_read_from_iso_8601(value: str, expected: str) -> None:
    """A day is its start, and what names no zone is UTC."""
    fields = _fill(seen_at=value)
    assert fields.seen_at is not None
    assert fields.seen_at.isoformat() == expected


@pytest.mark.parametrize("value", ["tomorrow", "2026-13-01", 1767225600, "0001-01-01T00:00+14:00"])
def test_anything_else_is_no_moment(value: object) -> None:
    """Neither words nor bare numbers say which moment is meant."""
    (fault,) = _faults(seen_at=value)
    assert fault["field"] == "seen_at"
    assert "ISO 8601" in str(fault["reason"])
