"""From expression results to typed fields."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from shared.errors import ExpressionError
from shared.expressions.plain import MISSING
from worker.actions.fields import (
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
    target_fields,
    unclearable,
)
from worker.mapping import fill_fields, passing_fault, wanted_expressions
from worker.outcome import Reject, Retry

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


def _fill(**results: object) -> ActionFields | Reject:
    results.setdefault("external_id", "d")
    expressions = wanted_expressions(Device, {name: f"body.{name}" for name in results})
    return fill_fields(Device, expressions, results)


def _faults(**results: object) -> list[dict[str, object]]:
    outcome = _fill(**results)
    assert isinstance(outcome, Reject)
    assert outcome.code == "mapping_failed"
    faults: list[dict[str, object]] = outcome.details["faults"]
    return faults


def test_missing_value_leaves_the_field_unset() -> None:
    """An update can tell what was not mentioned."""
    fields = _fill(name=MISSING)
    assert isinstance(fields, Device)
    assert fields.model_fields_set == {"external_id"}


@pytest.mark.parametrize("empty", [None, ""])
def test_null_and_empty_text_clear_an_optional_field(empty: object) -> None:
    """Set to None is not the same as unset, for every type but JSON."""
    fields = _fill(name=empty, ports=empty, state=empty, client_id=empty)
    assert isinstance(fields, Device)
    assert fields.model_fields_set == {"external_id", "name", "ports", "state", "client_id"}
    assert (fields.name, fields.ports, fields.state, fields.client_id) == (None,) * 4


def test_empty_text_is_a_json_value() -> None:
    """A JSON field takes what it gets."""
    fields = _fill(extra="")
    assert isinstance(fields, Device)
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
    outcome = fill_fields(Device, {}, {})
    assert isinstance(outcome, Reject)
    assert outcome.details["field"] == "external_id"
    assert outcome.details["faults"][0]["rule"] == "not_mapped"


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
    assert isinstance(fields, Device)
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
    assert isinstance(fields, Device)
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
    outcome = _fill(external_id=MISSING, name=error, ports="many")
    assert isinstance(outcome, Reject)
    assert [fault["field"] for fault in outcome.details["faults"]] == [
        "name",
        "external_id",
        "ports",
    ]
    assert outcome.details["field"] == "name"
    assert outcome.details["position"] == 2
    assert "no such function" in outcome.reason


@pytest.mark.parametrize("reason", ["busy", "crashed", "starved"])
def test_fault_of_the_sandbox_passes(reason: str) -> None:
    """The expression is not to blame: the attempt is repeated."""
    error = ExpressionError("no process", reason=reason)
    assert passing_fault({"a": 1, "b": error}) == Retry("no process", f"expression_{reason}")


def test_fault_of_an_expression_does_not_pass() -> None:
    """What will fail again is not repeated."""
    assert passing_fault({"a": ExpressionError("too slow", reason="timeout")}) is None


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
    outcome = fill_fields(Device, expressions, results)
    if isinstance(outcome, Reject):
        assert outcome.details["faults"]
    else:
        assert outcome.model_fields_set <= results.keys()


def test_catalogue_shows_every_type() -> None:
    """Names, types, duties, texts, enum values and references come from the model."""
    shown = {field["name"]: field for field in target_fields(Device)}
    assert {name: field["type"] for name, field in shown.items()} == {
        "external_id": "string",
        "name": "string",
        "ports": "int",
        "load": "number",
        "is_on": "boolean",
        "state": "enum",
        "extra": "json",
        "client_id": "ref",
        "label": "string",
        "seen_at": "string",
        "is_new": "boolean",
    }
    assert shown["external_id"] == {
        "name": "external_id",
        "type": "string",
        "required": True,
        "nullable": False,
        "description": "The id.",
    }
    assert shown["state"]["enum_values"] == ["up", "down"]
    assert shown["client_id"]["ref_entity_type"] == "client"
    assert not shown["name"]["required"]
    assert shown["name"]["nullable"]
    assert not shown["label"]["nullable"]
    assert shown["seen_at"]["format"] == "date-time"
    assert shown["is_new"]["default"] is True


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
    assert isinstance(fields, Device)
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
    assert isinstance(fields, Device)
    assert fields.seen_at is not None
    assert fields.seen_at.isoformat() == expected


@pytest.mark.parametrize("value", ["tomorrow", "2026-13-01", 1767225600, "0001-01-01T00:00+14:00"])
def test_anything_else_is_no_moment(value: object) -> None:
    """Neither words nor bare numbers say which moment is meant."""
    (fault,) = _faults(seen_at=value)
    assert fault["field"] == "seen_at"
    assert "ISO 8601" in str(fault["reason"])
