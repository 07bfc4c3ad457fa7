"""When a failed attempt is tried again: exponential back-off with full jitter."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how far apart attempts are made."""

    #: Attempts in all, the first included; 1 or more.
    max_attempts: int = 12
    #: Ceiling of the delay before the second attempt.
    first_delay_seconds: float = 1.0
    factor: float = 2.0
    #: Ceiling of every delay.
    max_delay_seconds: float = 3600.0


def retry_delay_seconds(
    policy: RetryPolicy, *, attempt: int, random: Callable[[], float]
) -> float | None:
    """Return the wait after a failed attempt (0 = the first), or None when none is left.

    Full jitter: uniform between zero and the ceiling, so that deliveries that failed together
    do not return together. ``random`` returns a float in [0, 1).
    """
    if attempt + 1 >= policy.max_attempts:
        return None
    # The exponent is bounded: a float power overflows long after the cap has taken over.
    ceiling = policy.first_delay_seconds * policy.factor ** min(attempt, 64)
    return random() * min(ceiling, policy.max_delay_seconds)
