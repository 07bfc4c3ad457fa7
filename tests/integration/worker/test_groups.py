"""Deliveries that share a transaction: one commit for many, and each as though it were alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from shared.database.pool import Pool
from shared.domain.delivery import QueuedDelivery
from shared.errors import DatabaseUnavailable
from tests.integration.worker import effects
from tests.integration.worker.world import Ledger, until
from worker import metrics
from worker.processor import Processor

_KILL = "select pg_terminate_backend(pid) from pg_stat_activity where query = $1"
_IS_ACTIVE = "select count(*) from pg_stat_activity where query = $1 and state = 'active'"
_BUSY_COUNT = (
    "select count(*) from pg_stat_activity "
    "where application_name = 'worker-tests' and state <> 'idle'"
)
_DISK = 7
#: Every commit of an effect waits while somebody holds the disk.
_SLOW_COMMITS = f"""
create function public.wait_for_disk() returns trigger language plpgsql as
$$ begin perform pg_advisory_xact_lock_shared({_DISK}); return null; end $$;
create constraint trigger slow_commit after insert on public.effects
deferrable initially deferred for each row execute function public.wait_for_disk();
"""
_EFFECTS_OF_EACH = "select count(*) from effects group by delivery_id"


async def _record(ledger: Ledger, endings: Sequence[str]) -> list[QueuedDelivery]:
    return [await ledger.record({"ending": ending}) for ending in endings]


@pytest.fixture
async def processor(effects_ledger: Ledger, processor: Processor) -> Processor:
    """A processor that knows the webhook: what comes at once comes to its groups at once."""
    await processor.process(await effects_ledger.record({"ending": "done"}))
    await effects_ledger.pool.execute("delete from effects")
    return processor


async def _process(
    processor: Processor, queued: Sequence[QueuedDelivery]
) -> list[Exception | None]:
    """Process all at once; return what each raised."""
    return await asyncio.gather(*(_raised(processor, one) for one in queued))


async def _raised(processor: Processor, queued: QueuedDelivery) -> Exception | None:
    try:
        await processor.process(queued)
    except DatabaseUnavailable as error:
        return error
    return None


@asynccontextmanager
async def _stalled_disk(ledger: Ledger) -> AsyncIterator[None]:
    """No effect is committed until this is left."""
    await ledger.pool.execute(_SLOW_COMMITS)
    async with ledger.pool.acquire() as holder, holder.transaction():
        await holder.execute("select pg_advisory_xact_lock($1)", _DISK)
        yield


async def _statuses(ledger: Ledger, queued: Sequence[QueuedDelivery]) -> list[str]:
    return [(await ledger.delivery(one))["dispatch_status"] for one in queued]


async def _commit_count(pool: Pool) -> int:
    """Return how many transactions have written effects."""
    count: int = await pool.fetchval("select count(distinct xmin::text) from effects")
    return count


def _broken_count() -> float:
    count: float = metrics.GROUPS.labels("broken")._value.get()
    return count


async def test_deliveries_at_once_share_transactions(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Each has its effect and is closed; there are fewer commits than deliveries."""
    queued = await _record(effects_ledger, ["done"] * 24)
    await _process(processor, queued)
    assert await _statuses(effects_ledger, queued) == ["dispatched"] * 24
    assert await effects_ledger.effect_count() == 24
    assert {(await effects_ledger.outcome(one))["webhook_version"] for one in queued} == {1}
    assert await _commit_count(effects_ledger.pool) <= 6
    assert await effects_ledger.outbox() == []


async def test_delivery_that_comes_alone_shares_nothing(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """It is handled at once, in a transaction of its own."""
    for one in await _record(effects_ledger, ["done"] * 3):
        await processor.process(one)
    assert await _commit_count(effects_ledger.pool) == 3


async def test_connections_do_not_grow_while_commits_take_long(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """What comes one by one meanwhile waits, and shares transactions then."""
    queued = await _record(effects_ledger, ["done"] * 16)
    async with asyncio.TaskGroup() as group, _stalled_disk(effects_ledger):
        for one in queued:
            group.create_task(processor.process(one))
            await asyncio.sleep(0.02)
        assert await effects_ledger.pool.fetchval(_BUSY_COUNT) == 1
    assert await _statuses(effects_ledger, queued) == ["dispatched"] * 16
    assert await _commit_count(effects_ledger.pool) == 3


async def test_members_of_a_broken_group_take_few_connections_while_commits_take_long(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """They go two at a time: all at once they would only wait for the same disk."""
    queued = await _record(effects_ledger, ["done", "reject", *["done"] * 6])
    before = _broken_count()
    async with asyncio.TaskGroup() as group, _stalled_disk(effects_ledger):
        for one in queued:
            group.create_task(processor.process(one))
        await asyncio.sleep(0.3)
        assert await effects_ledger.pool.fetchval(_BUSY_COUNT) == 2
    assert _broken_count() == before + 1
    statuses = await _statuses(effects_ledger, queued)
    assert statuses == ["dispatched", "failed", *["dispatched"] * 6]
    assert await _commit_count(effects_ledger.pool) == 7


async def test_slow_deliveries_that_came_alone_hold_nobody_up(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Any number of slow actions leave room for the next."""
    slow = await _record(effects_ledger, ["hang"] * 3)
    (quick,) = await _record(effects_ledger, ["done"])
    async with asyncio.TaskGroup() as group:
        hanging = []
        for one in slow:
            hanging.append(group.create_task(processor.process(one)))
            await asyncio.sleep(0.2)
        async with asyncio.timeout(2):
            await processor.process(quick)
        for task in hanging:
            assert task.cancel()
    assert await effects_ledger.effect_count() == 1


async def test_delivery_alone_that_another_holds_holds_nobody_up(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A claim may wait for seconds: the others are handled meanwhile."""
    held, *others = await _record(effects_ledger, ["done"] * 3)
    async with (
        asyncio.TaskGroup() as group,
        effects_ledger.pool.acquire() as zombie,
        zombie.transaction(),
    ):
        await zombie.execute(
            "select from postern.deliveries where delivery_id = $1 for update", held.delivery_id
        )
        waiting = group.create_task(processor.process(held))
        await asyncio.sleep(0.01)
        async with asyncio.timeout(2):
            await _process(processor, others)
        assert not waiting.done()
    assert await effects_ledger.effect_count() == 3


@pytest.mark.parametrize(
    ("ending", "status", "retries"),
    [("reject", "failed", 0), ("retry", "pending", 1), ("raise", "pending", 1)],
)
async def test_member_that_fails_takes_nobody_along(
    effects_ledger: Ledger, processor: Processor, ending: str, status: str, retries: int
) -> None:
    """What it wrote is gone, with its outcome recorded; each of the others has its effect once."""
    queued = await _record(effects_ledger, ["done", "done", ending, "done", "done"])
    before = _broken_count()
    await _process(processor, queued)
    assert _broken_count() == before + 1
    failing = queued.pop(2)
    assert await _statuses(effects_ledger, queued) == ["dispatched"] * 4
    row = await effects_ledger.delivery(failing)
    assert (row["dispatch_status"], row["retry_count"]) == (status, retries)
    rows = await effects_ledger.pool.fetch(_EFFECTS_OF_EACH)
    assert [row["count"] for row in rows] == [1] * 4


async def test_member_that_another_copy_has_handled_takes_nobody_along(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """It has no second effect, and the others have theirs."""
    queued = await _record(effects_ledger, ["done"] * 5)
    await processor.process(queued[2])
    await _process(processor, queued)
    assert await _statuses(effects_ledger, queued) == ["dispatched"] * 5
    assert await effects_ledger.effect_count() == 5


async def test_late_copies_break_no_group(effects_ledger: Ledger, processor: Processor) -> None:
    """The others of their group share a transaction all the same."""
    late = await _record(effects_ledger, ["done"] * 3)
    for one in late:
        await processor.process(one)
    await effects_ledger.pool.execute("delete from effects")
    queued = await _record(effects_ledger, ["done"] * 5)
    before = _broken_count()
    assert await _process(processor, [*late[:2], *queued, late[2]]) == [None] * 8
    assert _broken_count() == before
    assert await _statuses(effects_ledger, queued) == ["dispatched"] * 5
    assert await effects_ledger.effect_count() == 5
    assert await _commit_count(effects_ledger.pool) == 1


async def test_copies_in_one_group_have_one_effect(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A delivery that is twice in a group is handled once."""
    queued = await _record(effects_ledger, ["done"] * 3)
    await _process(processor, [*queued, *queued])
    assert await effects_ledger.effect_count() == 3


async def test_member_that_hangs_holds_nobody_up(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """The others are handled while it goes on hanging by itself."""
    queued = await _record(effects_ledger, ["done", "hang", "done", "done"])

    async def others_are_done() -> bool:
        return await effects_ledger.effect_count() == 3

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(processor.process(one)) for one in queued]
        await until(others_are_done)
        assert not tasks[1].done()
        tasks[1].cancel()


async def test_lost_connection_of_a_group_leaves_nothing(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """All its members have to come again, and have their effects then."""
    queued = await _record(effects_ledger, ["done", "done", "lose_connection"])

    async def is_killed() -> bool:
        rows = await effects_ledger.pool.fetch(_KILL, effects.FOR_EVER)
        return len(rows) > 0

    raised, _ = await asyncio.gather(_process(processor, queued), until(is_killed))
    assert [type(one) for one in raised] == [DatabaseUnavailable] * 3
    assert await effects_ledger.effect_count() == 0
    await _process(processor, queued[:2])
    assert await effects_ledger.effect_count() == 2


async def test_group_whose_leader_is_cancelled_comes_again(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Nobody waits for ever, nothing is kept, and the next group runs."""
    queued = await _record(effects_ledger, ["lose_connection", "done", "done"])

    async def is_under_way() -> bool:
        return bool(await effects_ledger.pool.fetchval(_IS_ACTIVE, effects.FOR_EVER))

    async with asyncio.TaskGroup() as group:
        leader = group.create_task(processor.process(queued[0]))
        others = [group.create_task(_raised(processor, one)) for one in queued[1:]]
        await until(is_under_way)
        leader.cancel()
    assert [type(one.result()) for one in others] == [DatabaseUnavailable] * 2
    assert await effects_ledger.effect_count() == 0
    await _process(processor, queued[1:])
    assert await effects_ledger.effect_count() == 2
