"""Expectations on what becomes of a delivery by what its mapping gave."""

import pytest

from shared.errors import ExpressionError
from shared.expressions.plain import MISSING
from shared.mapping.fields import ActionFields, ExternalId, Integer
from shared.mapping.filling import fill_fields
from shared.mapping.mapper import Mapped, wanted_expressions
from worker.mapping import fields_or_outcome
from worker.outcome import Reject, Retry


class Port(ActionFields):
    """A required field and one that is not."""

    external_id: ExternalId
    number: Integer | None = None


def _outcome(**results: object) -> ActionFields | Reject | Retry:
    expressions = wanted_expressions(Port, {name: f"body.{name}" for name in results})
    return fields_or_outcome(Mapped(results, fill_fields(Port, expressions, results)))


def test_fields_without_fault_are_the_outcome() -> None:
    """Typed, ready for the action."""
    assert _outcome(external_id="a", number="7") == Port(external_id="a", number=7)


def test_faults_reject_the_delivery() -> None:
    """All of them are told, and the first one on top as well."""
    error = ExpressionError("no such function", expression="$f()", position=2, reason="evaluation")

    outcome = _outcome(external_id=MISSING, number=error)

    assert isinstance(outcome, Reject)
    assert outcome.code == "mapping_failed"
    assert outcome.reason == (
        "mapping failed: number no such function; "
        "external_id is required, but the expression gave nothing"
    )
    assert outcome.details == {
        "field": "number",
        "expression": "$f()",
        "position": 2,
        "faults": [
            {
                "field": "number",
                "rule": "evaluation",
                "reason": "no such function",
                "expression": "$f()",
                "position": 2,
            },
            {
                "field": "external_id",
                "rule": "required",
                "reason": "is required, but the expression gave nothing",
                "expression": "body.external_id",
            },
        ],
    }


@pytest.mark.parametrize("reason", ["busy", "crashed", "starved"])
def test_fault_of_the_sandbox_passes(reason: str) -> None:
    """The expression is not to blame: the attempt is repeated, whatever else is wrong."""
    error = ExpressionError("no process", reason=reason)

    assert _outcome(external_id="", number=error) == Retry("no process", f"expression_{reason}")


def test_fault_of_an_expression_does_not_pass() -> None:
    """What will fail again is not repeated."""
    outcome = _outcome(external_id="a", number=ExpressionError("too slow", reason="timeout"))

    assert isinstance(outcome, Reject)
