"""Back-off: bounded, jittered, and over when attempts are used up."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.retry import RetryPolicy, retry_delay_seconds


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_delay_is_within_its_ceiling(attempt: int, chance: float) -> None:
    """A delay is between nothing and the doubling ceiling, which itself is capped."""
    policy = RetryPolicy(max_attempts=20_000)
    delay = retry_delay_seconds(policy, attempt=attempt, random=lambda: chance)
    assert delay is not None
    assert 0 <= delay <= min(2.0 ** min(attempt, 60), policy.max_delay_seconds)


def test_delay_uses_the_whole_range() -> None:
    """Full jitter: the extremes of chance reach both ends of the range."""
    policy = RetryPolicy()
    assert retry_delay_seconds(policy, attempt=3, random=lambda: 0.0) == 0.0
    assert retry_delay_seconds(policy, attempt=3, random=lambda: 0.999) == 0.999 * 8


def test_delay_after_the_last_attempt() -> None:
    """With three attempts in all, the third failure is the end."""
    policy = RetryPolicy(max_attempts=3)
    delays = [retry_delay_seconds(policy, attempt=n, random=lambda: 0.5) for n in range(4)]
    assert delays == [0.5, 1.0, None, None]


def test_delay_without_jitter() -> None:
    """Without jitter chance plays no part: the delay is its ceiling."""
    policy = RetryPolicy(first_delay_seconds=2, factor=3, max_delay_seconds=10, jitter="none")
    delays = [retry_delay_seconds(policy, attempt=n, random=lambda: 0.0) for n in range(4)]
    assert delays == [2, 6, 10, 10]
