"""Which calls may be made again, and when: pure decisions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from postern.client.errors import retry_after_seconds

#: The other side was never asked, or told us to come again.
_PASSING_STATUSES = frozenset({429, 502, 503, 504})
_READING_METHODS = frozenset({"GET", "HEAD"})
_IDEMPOTENT_METHODS = _READING_METHODS | {"PUT", "DELETE"}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is made again, and how long it is waited before."""

    #: Attempts in all; 1 never retries.
    max_attempts: int = 4
    first_delay_seconds: float = 0.25
    max_delay_seconds: float = 8.0
    #: A longer Retry-After is not waited for: the error is raised.
    max_retry_after_seconds: float = 60.0


def is_repeatable(method: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a call that may have taken effect can be made again.

    With If-Match the repetition of a change that took effect would be told 412: it is not made.
    """
    names = {name.lower() for name in headers}
    if "if-match" in names:
        return method in _READING_METHODS
    return method in _IDEMPOTENT_METHODS or "idempotency-key" in names


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one attempt at a call ended, without success."""

    #: 1 is the first.
    number: int
    is_repeatable: bool
    #: None: no answer came.
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Whether it is certain that the API did not begin with it.
    has_no_effect: bool = False


def delay_before_retry(
    policy: RetryPolicy, attempt: Attempt, *, random: Callable[[], float]
) -> float | None:
    """Return the seconds until a call is made again, or None where it is not.

    ``random`` returns a float in [0, 1). The delay is exponential with full jitter, and never
    less than Retry-After.
    """
    passes = attempt.status is None or attempt.status in _PASSING_STATUSES
    is_safe = attempt.is_repeatable or attempt.has_no_effect or attempt.status == 429
    if not passes or not is_safe or attempt.number >= policy.max_attempts:
        return None
    wanted = retry_after_seconds(attempt.headers) or 0.0
    if wanted > policy.max_retry_after_seconds:
        return None
    ceiling = policy.first_delay_seconds * 2 ** (attempt.number - 1)
    delay: float = min(ceiling, policy.max_delay_seconds) * random()
    return max(wanted, delay)
