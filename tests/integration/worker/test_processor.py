"""One attempt at one delivery, on a real ledger: exactly one effect, whatever happens."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import asyncpg
import orjson
import pytest

from shared.database.pool import Pool
from shared.domain.retry import RetryPolicy
from shared.errors import DatabaseUnavailable
from shared.expressions.sandbox import Sandbox
from shared.ledger.attempts import claimed_transaction
from tests.integration.worker import effects
from tests.integration.worker.world import (
    DEVICE_BODY,
    Ledger,
    build_processor,
    next_attempt,
    other_delivery,
    until,
)
from worker import claimed_run
from worker.actions.registry import Registry
from worker.processor import Processor

_COPIES = 20
_KILL = "select pg_terminate_backend(pid) from pg_stat_activity where query = $1"


@pytest.mark.usefixtures("client_id")
async def test_reference_example_is_dispatched(ledger: Ledger, processor: Processor) -> None:
    """The effect, the outcome and the end of the queueing are there together."""
    queued = await ledger.record(DEVICE_BODY, idempotency_key="evt-1")
    await processor.process(queued)
    row = await ledger.delivery(queued)
    assert row["dispatch_status"] == "dispatched"
    assert row["completed_at"] >= row["received_at"]
    assert row["duration_ms"] > 0
    assert await ledger.outcome(queued) == {
        "action": "upsertAssetByExternalId",
        "entity_type": "asset",
        "entity_id": str((await ledger.asset())["asset_id"]),
        "external_id": "dev-1",
        "message": "asset created",
        "metadata": {"action": "created", "rmm": False, "name": "host-1"},
        "webhook_version": 1,
    }
    assert await ledger.outbox() == []
    assert await ledger.key_count() == 1


async def _process_copies(ledger: Ledger, processor: Processor) -> None:
    queued = await ledger.record({"ending": "done"})
    async with asyncio.TaskGroup() as group:
        for _ in range(_COPIES):
            group.create_task(processor.process(queued))


async def test_copies_at_once_have_one_effect(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Of copies processed at the same time, one has its effect and the others end quietly."""
    await _process_copies(effects_ledger, processor)
    assert await effects_ledger.effect_count() == 1


async def test_copies_without_the_claim_check_have_many_effects(
    effects_ledger: Ledger, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: it is the check of the claim that makes the test above pass."""
    monkeypatch.setattr(claimed_run, "_is_stale", lambda *_: False)
    await _process_copies(effects_ledger, processor)
    assert await effects_ledger.effect_count() == _COPIES


async def test_copy_of_another_attempt_has_no_effect(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Neither an attempt that is over nor one that is not due yet runs."""
    queued = await effects_ledger.record({"ending": "done"})
    await processor.process(next_attempt(queued))
    assert await effects_ledger.effect_count() == 0
    assert (await effects_ledger.delivery(queued))["dispatch_status"] == "pending"


async def test_delivery_that_the_ledger_does_not_know_is_dropped(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A copy whose row went with its partition has no effect and raises nothing."""
    queued = await effects_ledger.record({"ending": "done"})
    await processor.process(other_delivery(queued))
    assert await effects_ledger.effect_count() == 0


async def test_cancelled_attempt_leaves_nothing(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A worker that stops between effect and commit leaves the delivery as it was."""
    queued = await effects_ledger.record({"ending": "hang"})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await processor.process(queued)
    await _assert_untouched(effects_ledger, processor)


async def test_lost_connection_leaves_nothing_and_costs_no_attempt(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A connection that dies between effect and commit is the database's fault."""
    queued = await effects_ledger.record({"ending": "lose_connection"})
    async with asyncio.TaskGroup() as group:
        killer = group.create_task(_kill_backend_of_action(effects_ledger))
        with pytest.raises(DatabaseUnavailable):
            await processor.process(queued)
        await killer
    await _assert_untouched(effects_ledger, processor)


async def _kill_backend_of_action(ledger: Ledger) -> None:
    await until(lambda: ledger.pool.fetchval(_KILL, effects.FOR_EVER))


async def _assert_untouched(ledger: Ledger, processor: Processor) -> None:
    """Check that one delivery is as it was recorded, then that its next copy has its effect."""
    assert await ledger.effect_count() == 0
    row = await ledger.pool.fetchrow("select * from postern.deliveries")
    assert row is not None
    assert (row["dispatch_status"], row["retry_count"]) == ("pending", 0)
    (queued,) = await ledger.outbox()
    assert queued["attempt"] == 0
    await processor.process(await ledger.record({"ending": "done"}))
    assert await ledger.effect_count() == 1


async def test_retry_keeps_the_attempt_and_queues_the_next(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A passing fault leaves no effect, a kept attempt, and an outbox row in the future."""
    queued = await effects_ledger.record({"ending": "retry"}, ordering_key="k")
    await processor.process(queued)
    assert await effects_ledger.effect_count() == 0
    row = await effects_ledger.delivery(queued)
    assert (row["dispatch_status"], row["retry_count"]) == ("pending", 1)
    (attempt,) = await effects_ledger.attempts()
    assert attempt["attempt"] == 0
    assert orjson.loads(attempt["outcome"]) == {
        "error": "told to retry",
        "code": "transient",
        "action": "recordEffect",
        "webhook_version": 1,
    }
    (waiting,) = await effects_ledger.outbox()
    assert (waiting["attempt"], waiting["ordering_key"]) == (1, "k")
    assert waiting["available_at"] == row["next_attempt_at"]
    # The action asked for 90 s, more than the 60 s of the policy.
    assert waiting["available_at"] - waiting["read_at"] > timedelta(seconds=80)


async def test_retry_queues_anew_what_a_gateway_has_published(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Where the outbox row went with the publishing, the retry brings it back."""
    queued = await effects_ledger.record({"ending": "retry"})
    await effects_ledger.pool.execute("delete from postern.outbox")
    await processor.process(queued)
    assert [row["attempt"] for row in await effects_ledger.outbox()] == [1]


async def test_stale_copy_after_a_retry_changes_nothing(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """The copy of an attempt that has been put back neither runs nor counts."""
    queued = await effects_ledger.record({"ending": "retry"})
    await processor.process(queued)
    before = await effects_ledger.delivery(queued)
    await processor.process(queued)
    assert await effects_ledger.delivery(queued) == before
    assert len(await effects_ledger.attempts()) == 1


@pytest.mark.parametrize(
    ("ending", "code", "part"),
    [
        ("raise", "unexpected_error", "RuntimeError: told to raise"),
        ("deadlock", "database_contention", "in the way"),
        ("hang", "handler_timeout", "longer than 0.3 s"),
    ],
)
async def test_fault_of_a_handler_is_retried(
    effects_ledger: Ledger,
    tenant_pool: Pool,
    sandbox: Sandbox,
    registry: Registry,
    ending: str,
    code: str,
    part: str,
) -> None:
    """Whatever a handler raises, or how long it takes, the attempt is undone and kept."""
    processor = build_processor(tenant_pool, sandbox, registry, handler_timeout_seconds=0.3)
    queued = await effects_ledger.record({"ending": ending})
    await processor.process(queued)
    assert await effects_ledger.effect_count() == 0
    assert (await effects_ledger.delivery(queued))["retry_count"] == 1
    (attempt,) = await effects_ledger.attempts()
    outcome = orjson.loads(attempt["outcome"])
    assert outcome["code"] == code
    assert part in outcome["error"]


async def test_delivery_fails_when_attempts_are_used_up(
    effects_ledger: Ledger, tenant_pool: Pool, sandbox: Sandbox, registry: Registry
) -> None:
    """The last fault and the number of attempts are told; earlier ones are kept."""
    processor = build_processor(
        tenant_pool,
        sandbox,
        registry,
        policy=RetryPolicy(max_attempts=3, first_delay_seconds=60.0),
    )
    queued = await effects_ledger.record({"ending": "retry"}, idempotency_key="k")
    for attempt in range(3):
        await processor.process(replace(queued, attempt=attempt))
    row = await effects_ledger.delivery(queued)
    assert (row["dispatch_status"], row["retry_count"]) == ("failed", 2)
    assert row["next_attempt_at"] is None
    assert await effects_ledger.outcome(queued) == {
        "error": "gave up after 3 attempts; the last one: told to retry",
        "code": "attempts_exhausted",
        "attempts": 3,
        "last_code": "transient",
        "action": "recordEffect",
        "webhook_version": 1,
    }
    assert [row["attempt"] for row in await effects_ledger.attempts()] == [0, 1]
    assert await effects_ledger.outbox() == []
    assert await effects_ledger.key_count() == 0


async def test_policy_of_the_webhook_comes_before_the_workers(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Attempts and delays are those of the webhook's own policy."""
    await effects_ledger.pool.execute(
        "update postern.webhooks set retry_policy = "
        """'{"max_attempts": 2, "first_delay_seconds": 500, "jitter": "none"}'"""
    )
    queued = await effects_ledger.record({"ending": "retry"})
    await processor.process(queued)
    (waiting,) = await effects_ledger.outbox()
    assert timedelta(seconds=490) < waiting["available_at"] - waiting["read_at"]
    assert waiting["available_at"] - waiting["read_at"] <= timedelta(seconds=500)
    await processor.process(next_attempt(queued))
    assert (await effects_ledger.outcome(queued))["code"] == "attempts_exhausted"


async def test_reject_fails_at_once_and_frees_the_key(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A permanent fault leaves no effect and lets the sender try again."""
    other = await effects_ledger.record({"ending": "done"}, idempotency_key="another")
    queued = await effects_ledger.record({"ending": "reject"}, idempotency_key="kéy")
    await processor.process(queued)
    assert await effects_ledger.effect_count() == 0
    assert (await effects_ledger.delivery(queued))["dispatch_status"] == "failed"
    assert await effects_ledger.outcome(queued) == {
        "error": "told to reject",
        "code": "told",
        "field": "ending",
        "action": "recordEffect",
        "webhook_version": 1,
    }
    (left,) = await effects_ledger.outbox()
    assert left["delivery_id"] == other.delivery_id
    assert await effects_ledger.key_count() == 1


async def test_reject_leaves_a_key_that_another_delivery_holds(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A replay that fails does not free the key of the delivery that has it."""
    holder = await effects_ledger.record({"ending": "done"}, idempotency_key="k")
    queued = await effects_ledger.record({"ending": "reject"})
    await effects_ledger.pool.execute(
        "update postern.deliveries set idempotency_key = 'k' where delivery_id = $1",
        queued.delivery_id,
    )
    await processor.process(queued)
    assert (await effects_ledger.delivery(queued))["dispatch_status"] == "failed"
    assert await effects_ledger.key_count() == 1
    assert holder.delivery_id != queued.delivery_id


async def test_odd_result_of_an_action_is_kept_as_far_as_json_goes(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """NUL, NaN, half a surrogate pair and bytes in a result do not undo its effect."""
    queued = await effects_ledger.record({"ending": "odd_result"})
    await processor.process(queued)
    assert await effects_ledger.effect_count() == 1
    metadata = (await effects_ledger.outcome(queued))["metadata"]
    assert metadata == {"nul": "\x00", "not_a_number": None, "half": "?", "bytes": "b'\\xff'"}


async def test_changed_configuration_is_used_by_the_next_delivery(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A cached configuration is not used once another is committed, even to reject.

    The outcome tells which version it was.
    """
    await effects_ledger.change_mapping({"ending": "nowhere"})
    failed = await effects_ledger.record({"ending": "done"})
    await processor.process(failed)
    outcome = await effects_ledger.outcome(failed)
    assert (outcome["code"], outcome["webhook_version"]) == ("mapping_failed", 2)
    await effects_ledger.change_mapping({"ending": "ending"})
    replayed = await effects_ledger.record({"ending": "done"})
    await processor.process(replayed)
    assert (await effects_ledger.delivery(replayed))["dispatch_status"] == "dispatched"
    assert (await effects_ledger.outcome(replayed))["webhook_version"] == 3


async def test_delivery_of_a_deleted_webhook_fails(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """The reason is the webhook, whether its configuration was cached or not."""
    await processor.process(await effects_ledger.record({"ending": "done"}))
    await effects_ledger.pool.execute(
        "update postern.webhooks set deleted_at = now(), version = version + 1"
    )
    for _ in range(2):
        queued = await effects_ledger.record({"ending": "done"})
        await processor.process(queued)
        assert (await effects_ledger.outcome(queued))["code"] == "webhook_gone"
    assert await effects_ledger.effect_count() == 1


async def test_body_too_large_to_travel_is_fetched(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A copy without its body takes it from the ledger."""
    queued = await effects_ledger.record({"ending": "done", "filler": "x" * 500_000})
    await processor.process(replace(queued, body=None))
    assert (await effects_ledger.delivery(queued))["dispatch_status"] == "dispatched"


async def test_claim_held_by_another_counts_as_an_outage(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A holder that does not let go delays a copy by the lock time-out, not for ever."""
    queued = await effects_ledger.record({"ending": "done"})
    async with effects_ledger.pool.acquire() as zombie, zombie.transaction():
        await zombie.execute("select from postern.deliveries for update")
        async with asyncio.timeout(8):
            with pytest.raises(DatabaseUnavailable, match="lock timeout"):
                await processor.process(queued)
    await processor.process(queued)
    assert await effects_ledger.effect_count() == 1


async def test_action_sees_its_own_tenant_alone(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Row-level security shows the action's connection one tenant of two."""
    await effects_ledger.pool.execute(
        "insert into postern.tenants values (gen_random_uuid(), 'other', 'Other')"
    )
    await processor.process(await effects_ledger.record({"ending": "done"}))
    assert await effects_ledger.pool.fetchval("select seen_tenants from public.effects") == 1


async def test_delivery_is_not_claimed_in_the_name_of_another_tenant(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A record that names another tenant finds nothing to claim."""
    queued = await effects_ledger.record({"ending": "done"})
    stranger = Ledger(effects_ledger.pool, webhook_id=effects_ledger.webhook_id)
    await stranger.insert_tenant("stranger")
    await processor.process(replace(queued, tenant_id=stranger.tenant_id))
    assert await effects_ledger.effect_count() == 0
    assert (await effects_ledger.delivery(queued))["dispatch_status"] == "pending"


async def test_outage_between_attempt_and_record_is_reported(
    effects_ledger: Ledger, processor: Processor, tenant_pool: Pool
) -> None:
    """Without a database nothing is decided: the caller has to bring the delivery again."""
    queued = await effects_ledger.record({"ending": "done"})
    await tenant_pool.close()
    with pytest.raises(DatabaseUnavailable):
        await processor.process(queued)
    with pytest.raises(asyncpg.InterfaceError):
        await tenant_pool.execute("select 1")
    assert await effects_ledger.effect_count() == 0


async def test_deliveries_of_a_webhook_that_has_failed_are_looked_at_first(
    effects_ledger: Ledger, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short way is tried in vain once after a failure, and again only after a success."""
    short_way = Mock(wraps=claimed_transaction)
    monkeypatch.setattr(claimed_run, "claimed_transaction", short_way)
    tries = []
    for ending in ("retry", "done", "done", "done"):
        await processor.process(await effects_ledger.record({"ending": ending}))
        tries.append(short_way.call_count)
    assert tries == [1, 2, 2, 3]
    assert await effects_ledger.effect_count() == 3
