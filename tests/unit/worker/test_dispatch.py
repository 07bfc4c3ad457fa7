"""The decision after an attempt without effect."""

import pytest

from shared.domain.retry import RetryPolicy
from worker.dispatch import Fail, TryAgain, decide
from worker.outcome import Reject, Retry

_POLICY = RetryPolicy(max_attempts=3, first_delay_seconds=8.0)


def _half() -> float:
    return 0.5


def test_reject_fails_at_once() -> None:
    """A permanent fault ends the delivery at its first attempt, with its details."""
    outcome = Reject("no such client", "lookup_miss", {"field": "client_id"})
    assert decide(outcome, attempt=0, policy=_POLICY, random=_half) == Fail(
        {"error": "no such client", "code": "lookup_miss", "field": "client_id"}
    )


@pytest.mark.parametrize(("attempt", "delay_seconds"), [(0, 4.0), (1, 8.0)])
def test_retry_backs_off(attempt: int, delay_seconds: float) -> None:
    """The ceiling doubles from attempt to attempt; chance picks a point below it."""
    decision = decide(Retry("busy"), attempt=attempt, policy=_POLICY, random=_half)
    assert decision == TryAgain(delay_seconds, {"error": "busy", "code": "transient"})


@pytest.mark.parametrize(("after_seconds", "delay_seconds"), [(60.0, 60.0), (1.0, 4.0)])
def test_retry_waits_at_least_as_long_as_asked(after_seconds: float, delay_seconds: float) -> None:
    """The handler's wish lengthens the wait and never shortens it."""
    outcome = Retry("busy", after_seconds=after_seconds)
    decision = decide(outcome, attempt=0, policy=_POLICY, random=_half)
    assert isinstance(decision, TryAgain)
    assert decision.delay_seconds == delay_seconds


@pytest.mark.parametrize("attempt", [2, 3, 50])
def test_last_attempt_fails(attempt: int) -> None:
    """When attempts are used up the delivery fails with the last fault and their number."""
    decision = decide(Retry("busy", "timeout"), attempt=attempt, policy=_POLICY, random=_half)
    assert decision == Fail(
        {
            "error": f"gave up after {attempt + 1} attempts; the last one: busy",
            "code": "attempts_exhausted",
            "attempts": attempt + 1,
            "last_code": "timeout",
        }
    )
