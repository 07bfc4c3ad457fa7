"""When a failed attempt is tried again: exponential back-off, with full jitter or none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Jitter = Literal["full", "none"]

MAX_ATTEMPTS = 50
MAX_DELAY_SECONDS = 86_400.0
MAX_FACTOR = 10.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how far apart attempts are made."""

    #: Attempts in all, the first included; 1 to ``MAX_ATTEMPTS``.
    max_attempts: int = 12
    #: Ceiling of the delay before the second attempt.
    first_delay_seconds: float = 1.0
    #: By how much the ceiling grows from attempt to attempt; 1 to ``MAX_FACTOR``.
    factor: float = 2.0
    #: Ceiling of every delay; up to ``MAX_DELAY_SECONDS``.
    max_delay_seconds: float = 3600.0
    #: Full: uniform between zero and the ceiling, so that deliveries that failed together do not
    #: return together. None: the ceiling itself.
    jitter: Jitter = "full"


def retry_policy_from_config(config: Mapping[str, Any] | None) -> RetryPolicy | None:
    """Return the typed form of a stored ``retry_policy``; None where the default holds.

    Raises:
        TypeError: A name is unknown.
    """
    return None if config is None else RetryPolicy(**config)


def retry_delay_seconds(
    policy: RetryPolicy, *, attempt: int, random: Callable[[], float]
) -> float | None:
    """Return the wait after a failed attempt (0 = the first), or None when none is left.

    ``random`` returns a float in [0, 1).
    """
    if attempt + 1 >= policy.max_attempts:
        return None
    # The exponent is bounded: a float power overflows long after the cap has taken over.
    ceiling = policy.first_delay_seconds * policy.factor ** min(attempt, 64)
    share = random() if policy.jitter == "full" else 1.0
    return share * min(ceiling, policy.max_delay_seconds)
