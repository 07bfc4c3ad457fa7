"""What follows from an attempt that left no effect: a pure decision.

``Done`` needs none: it is committed together with its effect.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from shared.domain.retry import RetryPolicy, retry_delay_seconds
from worker.outcome import Reject, Retry


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The delivery stays ``pending`` and comes again after the delay."""

    delay_seconds: float
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fail:
    """The delivery is ``failed``."""

    document: Mapping[str, Any]


def decide(
    outcome: Retry | Reject, *, attempt: int, policy: RetryPolicy, random: Callable[[], float]
) -> TryAgain | Fail:
    """Return what becomes of a delivery after an attempt (0 = the first).

    ``random`` returns a float in [0, 1).
    """
    match outcome:
        case Reject():
            return Fail({"error": outcome.reason, "code": outcome.code, **outcome.details})
        case Retry():
            delay = retry_delay_seconds(policy, attempt=attempt, random=random)
            if delay is None:
                return Fail(_exhausted(outcome, attempts=attempt + 1))
            return TryAgain(
                delay_seconds=max(delay, outcome.after_seconds or 0.0),
                document={"error": outcome.reason, "code": outcome.code},
            )
        case _:
            assert_never(outcome)


def _exhausted(outcome: Retry, *, attempts: int) -> dict[str, Any]:
    return {
        "error": f"gave up after {attempts} attempts; the last one: {outcome.reason}",
        "code": "attempts_exhausted",
        "attempts": attempts,
        "last_code": outcome.code,
    }
