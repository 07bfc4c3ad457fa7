"""The circuit breaker of a webhook: opens, holds, probes and closes, by the ledger alone."""

import asyncio
from datetime import timedelta

import pytest

from shared.database.pool import Pool, tenant_transaction
from shared.domain.delivery import QueuedDelivery
from shared.expressions.sandbox import Sandbox
from shared.ledger.circuit_breakers import BreakerPolicy, BreakerState, CircuitBreakers
from tests.integration.worker.world import Ledger, build_processor, next_attempt
from worker.actions.registry import Registry
from worker.processor import Processor

_POLICY = BreakerPolicy(failures=3, hold_seconds=60.0, longest_hold_seconds=100.0)
_HOLD_IS_OVER = "update postern.circuit_breakers set probe_at = now() - interval '1 s'"


@pytest.fixture
def processor(tenant_pool: Pool, sandbox: Sandbox, registry: Registry) -> Processor:
    """A processor under whose rules three failures in a row open a breaker."""
    return build_processor(tenant_pool, sandbox, registry, breaker=_POLICY)


async def breaker(ledger: Ledger, pool: Pool) -> BreakerState:
    async with tenant_transaction(pool, ledger.tenant_id) as connection:
        return await CircuitBreakers(connection).get(ledger.tenant_id, ledger.webhook_id)


async def fail(ledger: Ledger, processor: Processor, times: int) -> list[QueuedDelivery]:
    """Let a first attempt fail so often, of another delivery each."""
    failed = [await ledger.record({"ending": "done", "failures": 1}) for _ in range(times)]
    for queued in failed:
        await processor.process(queued)
    return failed


async def test_failures_in_a_row_open_it(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor
) -> None:
    """The third failure in a row opens it; a success in between begins the count anew."""
    await fail(effects_ledger, processor, 2)
    await processor.process(await effects_ledger.record({"ending": "done"}))
    assert await breaker(effects_ledger, tenant_pool) == BreakerState()
    await fail(effects_ledger, processor, 2)
    assert (await breaker(effects_ledger, tenant_pool)).state == "closed"
    await fail(effects_ledger, processor, 1)
    state = await breaker(effects_ledger, tenant_pool)
    assert (state.state, state.failures) == ("open", 3)
    assert state.opened_at is not None
    assert state.probe_at == state.opened_at + timedelta(seconds=60)


@pytest.mark.parametrize("ending", ["reject", "deadlock"])
async def test_what_says_nothing_about_the_target_does_not_open_it(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor, ending: str
) -> None:
    """Faulty payloads and contention in our own database are no outage of a target."""
    for _ in range(4):
        await processor.process(await effects_ledger.record({"ending": ending}))
    assert await breaker(effects_ledger, tenant_pool) == BreakerState()


async def test_one_delivery_alone_does_not_open_it(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor
) -> None:
    """A delivery that fails again and again does not hold up the others."""
    queued = await effects_ledger.record({"ending": "done", "failures": 9})
    for _ in range(5):
        await processor.process(queued)
        queued = next_attempt(queued)
    assert (await breaker(effects_ledger, tenant_pool)).failures == 1


async def test_open_it_holds_deliveries_back_without_an_attempt(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Retries and first attempts wait for the probe, in rows that nobody deletes by mistake."""
    first, *_ = await fail(effects_ledger, processor, 3)
    fresh = await effects_ledger.record({"ending": "done"}, ordering_key="k")
    for queued in (next_attempt(first), fresh):
        await processor.process(queued)
    assert await effects_ledger.effect_count() == 0
    rows = {row["delivery_id"]: row for row in await effects_ledger.outbox()}
    for queued, attempt in ((first, 1), (fresh, 0)):
        row, delivery = rows[queued.delivery_id], await effects_ledger.delivery(queued)
        assert (row["attempt"], delivery["retry_count"]) == (attempt, attempt)
        assert row["held_for"] == effects_ledger.webhook_id
        assert row["ticket"] > 0
        assert row["available_at"] == delivery["next_attempt_at"]
        assert timedelta(seconds=50) < row["available_at"] - row["read_at"]
    assert rows[fresh.delivery_id]["ordering_key"] == "k"


async def test_one_probe_at_a_time(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor
) -> None:
    """When the hold is over, one of many may try; where it fails, the hold is twice as long."""
    await fail(effects_ledger, processor, 3)
    await effects_ledger.pool.execute(_HOLD_IS_OVER)
    assert (await breaker(effects_ledger, tenant_pool)).state == "half_open"
    waiting = [await effects_ledger.record({"ending": "retry"}) for _ in range(10)]
    await asyncio.gather(*(processor.process(queued) for queued in waiting))
    tried = [(await effects_ledger.delivery(queued))["retry_count"] for queued in waiting]
    assert sorted(tried) == [0] * 9 + [1]
    state = await breaker(effects_ledger, tenant_pool)
    assert state.state == "open"
    assert state.probe_at is not None
    left = state.probe_at - await effects_ledger.pool.fetchval("select now()")
    assert timedelta(seconds=90) < left <= timedelta(seconds=100), "twice 60 s, capped at 100 s"


async def test_a_success_closes_it_and_releases_what_was_held(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor
) -> None:
    """After a good probe everything held is due at once, and runs."""
    failed = await fail(effects_ledger, processor, 3)
    for queued in failed:
        await processor.process(next_attempt(queued))
    await effects_ledger.pool.execute(_HOLD_IS_OVER)
    await processor.process(await effects_ledger.record({"ending": "done"}))
    assert await breaker(effects_ledger, tenant_pool) == BreakerState()
    rows = await effects_ledger.outbox()
    assert len(rows) == 3
    assert all(row["available_at"] <= row["read_at"] for row in rows)
    assert {row["held_for"] for row in rows} == {None}
    for queued in failed:
        await processor.process(next_attempt(queued))
    assert await effects_ledger.effect_count() == 4


async def test_a_rejected_probe_lets_the_next_one_try(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor
) -> None:
    """A faulty payload says nothing about the target: it neither closes nor prolongs."""
    await fail(effects_ledger, processor, 3)
    await effects_ledger.pool.execute(_HOLD_IS_OVER)
    await processor.process(await effects_ledger.record({"ending": "reject"}))
    assert (await breaker(effects_ledger, tenant_pool)).state == "half_open"
    await processor.process(await effects_ledger.record({"ending": "done"}))
    assert await breaker(effects_ledger, tenant_pool) == BreakerState()


async def test_a_probe_that_died_is_replaced(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor
) -> None:
    """The lease of a probe whose worker is gone runs out."""
    lost, *_ = await fail(effects_ledger, processor, 3)
    await effects_ledger.pool.execute(_HOLD_IS_OVER)
    async with tenant_transaction(tenant_pool, effects_ledger.tenant_id) as connection:
        assert await CircuitBreakers(connection).take_probe(lost, lease_seconds=60)
    await processor.process(await effects_ledger.record({"ending": "done"}))
    assert await effects_ledger.effect_count() == 0
    await effects_ledger.pool.execute(
        "update postern.circuit_breakers set probe_until = now() - interval '1 s'"
    )
    await processor.process(await effects_ledger.record({"ending": "done"}))
    assert await effects_ledger.effect_count() == 1


async def test_other_webhooks_go_on(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor
) -> None:
    """A breaker is its webhook's alone."""
    await fail(effects_ledger, processor, 3)
    other = Ledger(effects_ledger.pool, tenant_id=effects_ledger.tenant_id)
    await other.insert_webhook(
        field_mapping={"ending": "ending"}, action="recordEffect", slug="other"
    )
    await processor.process(await other.record({"ending": "done"}))
    assert await effects_ledger.effect_count() == 1
    assert (await breaker(effects_ledger, tenant_pool)).state == "open"
