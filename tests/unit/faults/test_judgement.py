"""The check of a run finds each breach, by its name."""

from typing import Any

import pytest

from tests.faults.journal import Answer, Journal, Kind
from tests.faults.judgement import (
    Breach,
    Ledger,
    Recorded,
    Violation,
    judge,
    judge_limit,
    judge_order,
)


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


@pytest.mark.parametrize(
    ("handled", "late"),
    [
        (["a-1-0", "a-2-1", "a-1-20", "a-2-21", "a-1-40"], []),
        (["a-1-0", "a-1-40", "a-1-20"], ["a-1-20"]),
        (["a-1-40", "a-2-21", "a-1-20", "a-1-60", "a-2-1"], ["a-1-20", "a-2-1"]),
        (["a-1-0", "a-1-0"], []),
    ],
)
def test_order_within_a_key(handled: list[str], late: list[str]) -> None:
    """What was handled after a later one of its key is named; keys have no order among them."""
    found = judge_order(handled)
    assert [violation.event_id for violation in found] == late
    assert {violation.breach for violation in found} <= {Breach.OUT_OF_ORDER}


def test_limit_when_all_could_have_been_accepted_in_time() -> None:
    """A burst, and then one for each token: nothing to report, however the answers came."""
    burst = [_answer(event_id=f"b{n}", at=1.0, latency_seconds=0.5) for n in range(60)]
    steady = [_answer(event_id=f"s{n}", at=1.6 + n, latency_seconds=0.1) for n in range(1, 40)]
    late = [_answer(event_id="l", at=50.0, latency_seconds=49.0)]
    refused = [_refused(429, at=1.0, retry_after="1") for _ in range(100)]
    assert judge_limit([*burst, *steady, *late, *refused], per_minute=60) == []


@pytest.mark.parametrize("count", [62, 75])
def test_limit_when_a_burst_is_too_large(count: int) -> None:
    """More than the burst within a moment is named once, wherever in the run it was."""
    quiet = [_answer(event_id=f"q{n}", at=5.0 * n, latency_seconds=0.1) for n in range(20)]
    burst = [
        _answer(event_id=f"b{n}", at=200.0 + n / 1000, latency_seconds=0.001) for n in range(count)
    ]
    (found,) = judge_limit([*quiet, *burst], per_minute=60)
    assert found.breach is Breach.OVER_LIMIT
    assert f"{count} accepted" in found.detail


def test_limit_when_two_processes_count_apart() -> None:
    """Twice the rate over a minute is too much, though no moment is crowded."""
    answers = [_answer(event_id=f"e{n}", at=n / 2, latency_seconds=0.01) for n in range(240)]
    assert [found.breach for found in judge_limit(answers, per_minute=60)] == [Breach.OVER_LIMIT]


def test_faulty_event_ends_failed_and_without_effect() -> None:
    """What cannot be handled is kept and failed; an effect or another end is a breach."""
    answer = _answer(kind=Kind.FAULTY)
    assert _judged(answer, ledger=_ledger(effects=0, dispatch_status="failed")) == []
    for ledger in (
        _ledger(effects=1, dispatch_status="failed"),
        _ledger(effects=0, dispatch_status="dispatched"),
        _ledger(effects=0, dispatch_status="pending"),
    ):
        assert [found.breach for found in _judged(answer, ledger=ledger)] == [Breach.NOT_FAILED]


@pytest.mark.parametrize(
    ("stalls", "in_time"),
    [([], False), ([(1.0, 1.4)], False), ([(1.0, 1.6)], True), ([(0.0, 0.9), (3.0, 4.0)], False)],
)
def test_time_that_the_senders_stood_still_is_not_the_gateways(
    stalls: list[tuple[float, float]], *, in_time: bool
) -> None:
    """An answer that waited to be read is late by the rest alone."""
    journal = Journal()
    journal.stalls = stalls
    answer = _answer(at=2.5, latency_seconds=2.0)
    assert journal.answered_within(answer, 1.5) is in_time


@pytest.mark.parametrize(
    ("gateway", "starved", "in_time"),
    [
        ("gateway-1", (1.0, 2.0, 0.4), False),
        ("gateway-1", (1.0, 2.0, 0.6), True),
        # It cannot have waited for longer than the request was under way.
        ("gateway-1", (0.0, 0.9, 0.9), False),
        ("gateway-2", (1.0, 2.0, 0.6), False),
    ],
)
def test_time_that_the_gateway_got_no_processor_is_not_its_own(
    gateway: str, starved: tuple[float, float, float], *, in_time: bool
) -> None:
    """What the machine took from the gateway that answered is no fault of the gateway."""
    journal = Journal()
    journal.starved[gateway].append(starved)
    answer = _answer(at=2.5, latency_seconds=2.0)
    assert journal.answered_within(answer, 1.5) is in_time
