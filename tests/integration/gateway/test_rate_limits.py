"""Limits: exact over all gateways together, each webhook by itself."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx

from gateway.ledger_connection import LedgerConnection
from gateway.rate_limit import Bucket, TokenLease, chunk_of
from gateway.settings import GatewaySettings
from gateway.token_leases import TokenLeases
from shared.database.pool import SYSTEM_ROLE, DirectConnection, connect
from shared.domain.identifiers import uuid7
from shared.ledger.rate_limits import Grant, Question, RateLimits
from shared.settings import Secret
from tests.integration.gateway.world import (
    SLUG,
    Gateway,
    Ledger,
    answer,
    eventually,
    serving,
    statuses,
)


async def test_burst_when_one_more_than_the_limit(ledger: Ledger) -> None:
    """Of 61 at once 60 pass; the one more is 429, says when to come again, and is recorded."""
    webhook_id = await ledger.insert_webhook(per_minute=60)
    async with serving(ledger) as gateway:
        responses = await _burst([gateway], 61)
        assert sorted(statuses(responses)) == [200] * 60 + [429]
        (limited,) = [response for response in responses if response.status_code == 429]
        assert limited.headers["retry-after"] == "1"
        body = answer(limited)
        assert body["error"] == "rate_limited"
        await eventually(lambda: _is_there(ledger, 61))
    row = await ledger.delivery(body["delivery_id"])
    assert row["webhook_id"] == webhook_id
    assert (row["auth_status"], row["dispatch_status"]) == ("verified", "failed")
    assert row["response_status"] == 429
    assert row["request_body"] == b"{}"
    assert await ledger.count("outbox") == 60


async def test_burst_after_a_trickle(ledger: Ledger) -> None:
    """Single requests before a burst cost one token each, no more."""
    await ledger.insert_webhook(per_minute=60)
    async with serving(ledger) as gateway:
        started = asyncio.get_running_loop().time()
        for _ in range(12):
            assert (await gateway.post(b"{}")).status_code == 200
        responses = await _burst([gateway], 70)
        seconds = asyncio.get_running_loop().time() - started
    passed = statuses(responses).count(200)
    assert 48 <= passed <= 48 + seconds + 1


async def test_burst_after_leases_ran_out(ledger: Ledger) -> None:
    """Tokens that a lease ran out on come back: the burst is whole again."""
    await ledger.insert_webhook(per_minute=60)
    async with serving(ledger, lease_seconds=0.2) as gateway:
        assert (await gateway.post(b"{}")).status_code == 200
        await asyncio.sleep(1.3)  # the lease runs out, and the token is refilled
        responses = await _burst([gateway], 75)
    assert 60 <= statuses(responses).count(200) <= 62


async def test_limit_when_two_gateways_share_it(ledger: Ledger) -> None:
    """Together they never let more pass than burst and refill, and not much less either."""
    await ledger.insert_webhook(per_minute=120)
    async with serving(ledger) as one, serving(ledger) as other:
        loop = asyncio.get_running_loop()
        started = loop.time()
        passed: list[float] = []

        async def send(gateway: Gateway) -> None:
            while loop.time() < started + 4:
                sent_at = loop.time()
                if (await gateway.post(b"{}")).status_code == 200:
                    passed.append(sent_at)

        await asyncio.gather(*(send(gateway) for gateway in (one, other) for _ in range(4)))
        seconds = loop.time() - started
    assert len(passed) <= 120 + 2 * seconds + 1
    # Tokens that one gateway holds for a moment are not to be had at the other.
    assert len(passed) >= 120
    passed.sort()
    for first, last in itertools.combinations(range(0, len(passed), 7), 2):
        window = passed[last] - passed[first]
        assert last - first + 1 <= 120 + 2 * window + 3


async def test_limit_when_another_webhook_is_over_its_own(ledger: Ledger) -> None:
    """One webhook's flood leaves the others their tokens."""
    await ledger.insert_webhook("flooded", per_minute=5)
    await ledger.insert_webhook(per_minute=5)
    async with serving(ledger) as gateway:
        flood = await _burst([gateway], 30, slug="flooded")
        assert statuses(flood).count(200) == 5
        assert statuses(await _burst([gateway], 5)) == [200] * 5


async def test_limit_when_one_a_minute(ledger: Ledger) -> None:
    """The smallest limit lets one pass and names a minute."""
    await ledger.insert_webhook(per_minute=1)
    async with serving(ledger) as one, serving(ledger) as other:
        responses = await _burst([one, other], 6)
        limited = [response for response in responses if response.status_code == 429]
        assert len(limited) == 5
        assert all(58 <= int(response.headers["retry-after"]) <= 60 for response in limited)


async def test_limit_when_raised_while_denied(ledger: Ledger) -> None:
    """A higher limit takes effect as soon as it is known, not when the old denial ends."""
    webhook_id = await ledger.insert_webhook(per_minute=1)
    async with serving(ledger) as gateway:
        assert statuses(await _burst([gateway], 2)).count(429) == 1
        await ledger.change(webhook_id, rate_limit_per_minute=60_000)
        await eventually(lambda: _passes(gateway), within_seconds=5)


async def test_lease_when_limit_was_lowered(ledger: Ledger) -> None:
    """Tokens of the old limit, out at one gateway, do not lock the others out for hours."""
    connection = await connect(ledger.database_url, role=SYSTEM_ROLE, application_name="test")
    try:
        webhook_id = uuid7()
        old = await _lease(connection, ledger, webhook_id, per_minute=60_000)
        assert old.tokens == 6000
        denied = await _lease(connection, ledger, webhook_id, per_minute=60)
        assert denied.tokens == 0
        assert denied.wait_seconds <= 1.0
        tokens = await ledger.pool.fetchval("select tokens from postern.rate_limit_buckets")
        assert 0 <= tokens <= 60
    finally:
        await connection.close()


async def test_leases_of_many_webhooks_come_together(ledger: Ledger) -> None:
    """What is asked for while a question is under way shares the next one: two commits, not 40."""
    asked: list[int] = []

    class Counting(LedgerConnection):
        async def run(self, operation: Any, *, deadline: float) -> Any:
            answer = await super().run(operation, deadline=deadline)
            asked.append(len(answer))
            return answer

    async def open_connection() -> DirectConnection:
        return await connect(ledger.database_url, role=SYSTEM_ROLE, application_name="test")

    counting = Counting(open_connection, name="lease")
    settings = GatewaySettings(
        database_url=Secret(ledger.database_url), master_keys=Secret(""), deadline_seconds=5.0
    )
    leases = TokenLeases(counting, uuid7(), settings)
    buckets = [Bucket(TokenLease(), ledger.tenant_id, uuid7(), 60 + n) for n in range(40)]
    try:
        grants = await asyncio.gather(*(leases.lease(bucket, 0, 0) for bucket in buckets))
    finally:
        counting.terminate()
    assert [grant.tokens for grant in grants] == [(60 + n) // 10 for n in range(40)]
    assert sum(asked) == 40
    assert len(asked) <= 2


async def _lease(
    connection: DirectConnection, ledger: Ledger, webhook_id: UUID, *, per_minute: int
) -> Grant:
    question = Question(ledger.tenant_id, webhook_id, per_minute, 0, 0, chunk_of(per_minute))
    (grant,) = await RateLimits(connection).lease(
        [question], gateway_id=uuid7(), lease_seconds=2.0
    )
    return grant


async def _burst(
    gateways: Sequence[Gateway], count: int, *, slug: str = SLUG
) -> list[httpx.Response]:
    return await asyncio.gather(
        *(gateways[number % len(gateways)].post(b"{}", slug=slug) for number in range(count))
    )


async def _passes(gateway: Gateway) -> bool:
    return (await gateway.post(b"{}")).status_code == 200


async def _is_there(ledger: Ledger, count: int) -> bool:
    return await ledger.count("deliveries") == count
