"""The check of a run finds each breach, by its name."""

from typing import Any

import pytest

from tests.faults.journal import Answer, Kind
from tests.faults.judgement import Breach, Ledger, Recorded, Violation, judge


def _answer(**overrides: Any) -> Answer:
    facts: dict[str, Any] = {
        "event_id": "e1",
        "kind": Kind.FIRST,
        "gateway": "gateway-1",
        "at": 1.0,
        "latency_seconds": 0.01,
        "status": 200,
        "delivery_id": "d1",
    }
    return Answer(**{**facts, **overrides})


def _refused(status: int | None, **overrides: Any) -> Answer:
    return _answer(status=status, delivery_id=None, **overrides)


def _ledger(*, effects: int = 1, **overrides: Any) -> Ledger:
    facts: dict[str, Any] = {
        "delivery_id": "d1",
        "event_id": "e1",
        "dispatch_status": "dispatched",
    }
    recorded = Recorded(**{**facts, **overrides})
    return Ledger({recorded.delivery_id: recorded}, {"e1": effects} if effects else {})


def _judged(*answers: Answer, ledger: Ledger) -> list[Violation]:
    return judge(answers, ledger, answer_within_seconds=1.0)


@pytest.mark.parametrize(
    "answers",
    [
        [_answer()],
        [_answer(), _answer(kind=Kind.TWIN, duplicate=True)],
        [_refused(503, retry_after="1"), _answer()],
        [_refused(None, fault="ConnectionResetError"), _answer(duplicate=True)],
        [_refused(429, retry_after="12"), _answer()],
    ],
)
def test_run_without_breach_is_clean(answers: list[Answer]) -> None:
    """One effect of a dispatched delivery, the same id in every answer: nothing to report."""
    assert _judged(*answers, ledger=_ledger()) == []


def test_unanswered_event_may_have_been_committed_or_not() -> None:
    """A sender that was told nothing has no promise, but one effect at most."""
    unanswered = _refused(None, fault="ConnectionResetError")
    assert _judged(unanswered, ledger=Ledger({}, {})) == []
    assert _judged(unanswered, ledger=_ledger()) == []
    [found] = _judged(unanswered, ledger=_ledger(effects=2))
    assert found.breach is Breach.DOUBLED


def test_forged_event_that_was_refused_is_clean() -> None:
    """A wrong signature is answered 401 and has no effect."""
    assert _judged(_refused(401, kind=Kind.FORGED), ledger=Ledger({}, {})) == []


@pytest.mark.parametrize(
    ("breach", "answers", "ledger"),
    [
        (Breach.LOST, [_answer()], _ledger(effects=0)),
        (Breach.LOST, [_answer()], _ledger(effects=0, dispatch_status="pending")),
        (Breach.LOST, [_answer()], _ledger(effects=0, dispatch_status="failed")),
        (Breach.LOST, [_answer()], Ledger({}, {})),
        (Breach.DOUBLED, [_answer()], _ledger(effects=2)),
        (Breach.UNFINISHED, [_answer()], _ledger(dispatch_status="pending")),
        (Breach.WRONG_DUPLICATE_ID, [_answer(), _answer(delivery_id="d2")], _ledger()),
        (Breach.WRONG_DUPLICATE_ID, [_answer()], _ledger(event_id="e2")),
        (Breach.WRONG_DUPLICATE_ID, [_answer()], _ledger(duplicate_of="d0")),
        (Breach.ACCEPTED_WITHOUT_COMMIT, [_answer()], Ledger({}, {"e1": 1})),
        (Breach.ACCEPTED_WITHOUT_COMMIT, [_answer(delivery_id=None)], _ledger()),
        (Breach.UNANSWERED_IN_TIME, [_answer(latency_seconds=1.1)], _ledger()),
        (
            Breach.UNANSWERED_IN_TIME,
            [_refused(None, fault="time-out", latency_seconds=5.0)],
            Ledger({}, {}),
        ),
        (Breach.FALSE_401, [_refused(401)], Ledger({}, {})),
        (Breach.FORGED_ACCEPTED, [_answer(kind=Kind.FORGED)], _ledger()),
        (Breach.FORGED_ACCEPTED, [_refused(401, kind=Kind.FORGED)], _ledger()),
        (Breach.NO_RETRY_AFTER, [_refused(503)], Ledger({}, {})),
        (Breach.UNEXPECTED_ANSWER, [_refused(500)], Ledger({}, {})),
    ],
)
def test_breach_is_named(breach: Breach, answers: list[Answer], ledger: Ledger) -> None:
    """Each promise that a run breaks is reported by its own name, with the event."""
    found = _judged(*answers, ledger=ledger)
    assert breach in {violation.breach for violation in found}
    assert {violation.event_id for violation in found} == {"e1"}


def test_no_time_limit_holds_where_gateways_themselves_are_frozen() -> None:
    """Without a limit, a slow answer is no breach."""
    assert judge([_answer(latency_seconds=9.0)], _ledger(), answer_within_seconds=None) == []
