"""Which calls are made again, and when."""

import pytest

from postern.client.retries import Attempt, RetryPolicy, delay_before_retry, is_repeatable

POLICY = RetryPolicy(max_attempts=3, first_delay_seconds=1, max_delay_seconds=3)


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", {}, True),
        ("PUT", {}, True),
        ("DELETE", {}, True),
        ("POST", {}, False),
        ("PATCH", {}, False),
        ("POST", {"Idempotency-Key": "k"}, True),
        ("PUT", {"If-Match": '"3"'}, False),
        ("GET", {"If-Match": '"3"'}, True),
    ],
)
def test_call_when_it_may_have_taken_effect(
    method: str, headers: dict[str, str], expected: bool
) -> None:
    """What reads or is idempotent is repeatable; what would then be told 412 is not."""
    assert is_repeatable(method, headers) is expected


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (Attempt(number=1, is_repeatable=True, status=503), 0.5),
        (Attempt(number=2, is_repeatable=True, status=503), 1.0),
        (Attempt(number=3, is_repeatable=True, status=503), None),
        (Attempt(number=1, is_repeatable=True), 0.5),
        (Attempt(number=1, is_repeatable=False), None),
        (Attempt(number=1, is_repeatable=False, has_no_effect=True), 0.5),
        (Attempt(number=1, is_repeatable=False, status=503), None),
        (Attempt(number=1, is_repeatable=False, status=429), 0.5),
        (Attempt(number=1, is_repeatable=True, status=500), None),
        (Attempt(number=1, is_repeatable=True, status=404), None),
        (Attempt(number=1, is_repeatable=True, status=429, headers={"retry-after": "7"}), 7.0),
        (Attempt(number=1, is_repeatable=True, status=429, headers={"retry-after": "61"}), None),
    ],
)
def test_delay_when_an_attempt_ended(attempt: Attempt, expected: float | None) -> None:
    """Passing faults are retried where that is safe, never before Retry-After."""
    assert delay_before_retry(POLICY, attempt, random=lambda: 0.5) == expected


def test_delay_when_it_would_grow_beyond_its_bound() -> None:
    """The delay has a ceiling."""
    policy = RetryPolicy(max_attempts=9, first_delay_seconds=1, max_delay_seconds=3)
    attempt = Attempt(number=8, is_repeatable=True, status=503)
    assert delay_before_retry(policy, attempt, random=lambda: 1.0) == 3
