"""Tokens in memory, and asking for more."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.rate_limit import Bucket, LeaseTokens, RateLimiter, TokenLease, chunk_of
from shared.domain.identifiers import uuid7
from shared.errors import DatabaseUnavailable
from shared.ledger.rate_limits import Grant


def test_lease_when_spent_and_expired() -> None:
    """Tokens are spent one by one until there is none, or until their time is over."""
    lease = TokenLease()
    assert not lease.take(0.0)
    lease.tokens, lease.expires_at = 2, 10.0
    assert lease.take(9.9)
    assert not lease.take(10.0)
    assert lease.take(9.9)
    assert not lease.take(9.9)


def test_put_down_when_expired() -> None:
    """What runs out is told once, so that it is given back once."""
    lease = TokenLease()
    lease.tokens, lease.expires_at = 3, 10.0
    assert lease.put_down_expired(9.9) == 0
    assert lease.tokens == 3
    assert lease.put_down_expired(10.0) == 3
    assert lease.put_down_expired(10.1) == 0
    assert not lease.take(9.0)


@pytest.mark.parametrize(("per_minute", "chunk"), [(1, 1), (9, 1), (60, 6), (60_000, 6000)])
def test_chunk_of(per_minute: int, chunk: int) -> None:
    """A tenth of the burst, at least one."""
    assert chunk_of(per_minute) == chunk


class _Bank:
    """Answers lease requests from a list, and remembers them; then denies."""

    def __init__(self, *answers: Grant | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[int, int]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def lease(self, bucket: Bucket, held: int, returned: int) -> Grant:
        assert bucket.per_minute > 0
        self.asked.append((held, returned))
        await self.open.wait()
        answer = self._answers.pop(0) if self._answers else Grant(0, 7.2)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _bucket(per_minute: int = 60) -> Bucket:
    return Bucket(TokenLease(), uuid7(), uuid7(), per_minute)


def _soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def _limiter(lease: LeaseTokens, group: asyncio.TaskGroup) -> RateLimiter:
    return RateLimiter(lease, group, lease_seconds=2.0)


async def _wait_of_many(limiter: RateLimiter, bucket: Bucket, count: int) -> Sequence[int]:
    return await asyncio.gather(*(limiter.wait_of(bucket, deadline=_soon()) for _ in range(count)))


async def test_wait_of_when_many_ask_at_once() -> None:
    """They share one question, and exactly as many pass as tokens came."""
    bank, bucket = _Bank(Grant(6, 0.0), Grant(2, 0.0)), _bucket()
    async with asyncio.TaskGroup() as group:
        waits = await _wait_of_many(_limiter(bank.lease, group), bucket, 20)
    assert waits.count(0) == 8
    assert set(waits) == {0, 8}, "7.2 s, rounded up"
    assert bank.asked == [(0, 0), (0, 0), (0, 0)]


async def test_wait_of_when_denied() -> None:
    """While the denial lasts nobody asks again."""
    bank, bucket = _Bank(), _bucket()
    async with asyncio.TaskGroup() as group:
        limiter = _limiter(bank.lease, group)
        assert await limiter.wait_of(bucket, deadline=_soon()) == 8
        assert await limiter.wait_of(bucket, deadline=_soon()) == 8
        assert not limiter.take_at_once(bucket)
    assert len(bank.asked) == 1


async def test_take_at_once_when_running_low() -> None:
    """More is asked for before the last is spent, and what is held is told."""
    bank, bucket = _Bank(Grant(6, 0.0), Grant(6, 0.0)), _bucket()
    async with asyncio.TaskGroup() as group:
        limiter = _limiter(bank.lease, group)
        await limiter.wait_of(bucket, deadline=_soon())
        taken = [limiter.take_at_once(bucket) for _ in range(3)]
        assert taken == [True, True, True]
        assert bucket.lease.renewal is not None
        await bucket.lease.renewal
        assert bank.asked == [(0, 0), (2, 0)]
        assert bucket.lease.tokens == 8


async def test_wait_of_when_lease_has_expired() -> None:
    """Expired tokens are given back, not used."""
    bank, bucket = _Bank(Grant(6, 0.0)), _bucket()
    bucket.lease.tokens, bucket.lease.expires_at = 5, 0.0
    async with asyncio.TaskGroup() as group:
        limiter = _limiter(bank.lease, group)
        assert not limiter.take_at_once(bucket)
        assert await limiter.wait_of(bucket, deadline=_soon()) == 0
    assert bank.asked == [(0, 5)]
    assert bucket.lease.tokens == 5


@pytest.mark.parametrize(
    "error", [DatabaseUnavailable("away"), ValueError("odd"), AssertionError(), KeyError("x")]
)
async def test_wait_of_when_asking_fails(error: Exception) -> None:
    """Any failure is the ledger being unavailable to those who wait; the program goes on."""
    bank, bucket = _Bank(error, Grant(1, 0.0)), _bucket()
    async with asyncio.TaskGroup() as group:
        limiter = _limiter(bank.lease, group)
        with pytest.raises(DatabaseUnavailable):
            await limiter.wait_of(bucket, deadline=_soon())
        assert await limiter.wait_of(bucket, deadline=_soon()) == 0


async def test_wait_of_when_ledger_does_not_answer() -> None:
    """The deadline holds, and one of those that wait leaving does not end it for the others."""
    bank, bucket = _Bank(Grant(6, 0.0)), _bucket()
    bank.open.clear()
    async with asyncio.TaskGroup() as group:
        limiter = _limiter(bank.lease, group)
        with pytest.raises(DatabaseUnavailable):
            await limiter.wait_of(bucket, deadline=_soon(0.01))
        patient = group.create_task(limiter.wait_of(bucket, deadline=_soon()))
        await asyncio.sleep(0)
        bank.open.set()
        assert await patient == 0
    assert len(bank.asked) == 1
