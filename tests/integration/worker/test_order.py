"""Ordered deliveries: one at a time per key, in the order of acceptance, whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool, tenant_transaction
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId
from shared.domain.retry import RetryPolicy
from shared.errors import DatabaseUnavailable
from shared.expressions.sandbox import Sandbox
from shared.ledger.housekeeping import Housekeeping
from shared.ledger.order import Order, OrderedDelivery, Turn
from shared.queue.connect import POSTGRES_QUEUE_URL, connect_consumer
from shared.queue.port import PoisonRecord
from tests.integration.worker.world import Ledger, build_processor, next_attempt, until
from worker.actions.registry import Registry
from worker.consumer import ConsumerLimits, ConsumerLoop
from worker.processor import Processor

_QUICK = RetryPolicy(max_attempts=20, first_delay_seconds=0.01, max_delay_seconds=0.05)
#: For which a delivery that was parked is left to whoever gave it the turn.
_MOMENT = timedelta(seconds=0.25)
_PENDING = "select count(*) from postern.deliveries where dispatch_status = 'pending'"


@pytest.fixture
async def system_pool(database_url: str) -> AsyncIterator[Pool]:
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="order-tests", size=4
    ) as pool:
        yield pool


@pytest.fixture
def quick_processor(tenant_pool: Pool, sandbox: Sandbox, registry: Registry) -> Processor:
    """A processor whose retries come soon."""
    return build_processor(tenant_pool, sandbox, registry, policy=_QUICK)


@asynccontextmanager
async def working(
    system_pool: Pool, process: Callable[[QueuedDelivery], Awaitable[None]], *, workers: int
) -> AsyncIterator[None]:
    """Let workers read the outbox meanwhile."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            loop = ConsumerLoop(
                connect_consumer(POSTGRES_QUEUE_URL, topic="", pool=system_pool),
                process,
                keep_poison=_refuse,
                limits=ConsumerLimits(concurrency=8, drain_seconds=5.0),
            )
            group.create_task(loop.run(stop))
        try:
            yield
        finally:
            stop.set()


async def _refuse(poison: PoisonRecord) -> None:
    raise AssertionError(poison)


async def _bring(processor: Processor, copy: QueuedDelivery) -> None:
    """Have a copy processed as a broker would: one that met a busy database comes again."""
    while True:
        try:
            return await processor.process(copy)
        except DatabaseUnavailable:
            await asyncio.sleep(0.05)


async def _all_settled(ledger: Ledger) -> bool:
    pending: int = await ledger.pool.fetchval(_PENDING)
    return pending == 0


async def _effects(ledger: Ledger) -> list[UUID]:
    rows = await ledger.pool.fetch("select delivery_id from public.effects order by number")
    return [row["delivery_id"] for row in rows]


async def _places(ledger: Ledger) -> int:
    count: int = await ledger.pool.fetchval("select count(*) from postern.ordered_deliveries")
    return count


@pytest.mark.parametrize("is_published", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_order_holds_under_random_failures_copies_and_two_workers(
    effects_ledger: Ledger,
    system_pool: Pool,
    quick_processor: Processor,
    seed: int,
    is_published: bool,
) -> None:
    """Each key's effects come in the order of acceptance, once each, and nothing is stuck.

    Read from the outbox, or published, which empties it: then a broker brings each delivery at
    any time and to anyone, and what was put back comes by the outbox.
    """
    random = Random(seed)
    accepted: list[QueuedDelivery] = []
    done: set[UUID] = set()
    async with working(system_pool, quick_processor.process, workers=2), asyncio.TaskGroup() as g:
        for _ in range(60):
            ending = random.choice(["done", "done", "done", "reject"])
            queued = await effects_ledger.record(
                {"ending": ending, "failures": random.choice([0, 0, 0, 1, 2])},
                ordering_key=random.choice(["a", "b", "c"]),
                is_published=is_published,
            )
            accepted.append(queued)
            if ending == "done":
                done.add(queued.delivery_id)
            if random.random() < 0.5:
                g.create_task(_bring(quick_processor, random.choice(accepted)))
        if is_published:
            for queued in random.sample(accepted, len(accepted)):
                g.create_task(_bring(quick_processor, queued))
        await until(lambda: _all_settled(effects_ledger), seconds=30)
    effects = await _effects(effects_ledger)
    for key in ("a", "b", "c"):
        line = [queued.delivery_id for queued in accepted if queued.ordering_key == key]
        assert [each for each in effects if each in line] == [
            each for each in line if each in done
        ]
    assert await _places(effects_ledger) == 0
    assert await effects_ledger.outbox() == []


async def test_a_failing_head_blocks_its_own_key_alone(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Behind a head that waits for its retry its key waits, without using up attempts."""
    head = await effects_ledger.record({"ending": "done", "failures": 1}, ordering_key="a")
    second = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    other = await effects_ledger.record({"ending": "done"}, ordering_key="b")
    unordered = await effects_ledger.record({"ending": "done"})
    for queued in (head, second, other, unordered):
        await processor.process(queued)
    assert await _effects(effects_ledger) == [other.delivery_id, unordered.delivery_id]
    assert (await effects_ledger.delivery(second))["retry_count"] == 0
    await processor.process(next_attempt(head))
    expected = [other, unordered, head, second]
    assert await _effects(effects_ledger) == [queued.delivery_id for queued in expected]


async def test_order_is_that_of_acceptance_not_of_ids(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """A gateway whose clock is behind does not get its deliveries in front."""
    first = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    late = await effects_ledger.record({"ending": "done"}, ordering_key="a", seconds_ago=3600)
    assert late.delivery_id < first.delivery_id
    await processor.process(late)
    assert await _effects(effects_ledger) == []
    await processor.process(first)
    assert await _effects(effects_ledger) == [first.delivery_id, late.delivery_id]


async def test_a_rejected_head_passes_its_turn(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """What ends as failed is out of the way."""
    head = await effects_ledger.record({"ending": "reject"}, ordering_key="a")
    second = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    await processor.process(second)
    await processor.process(head)
    assert await _effects(effects_ledger) == [second.delivery_id]


async def test_a_parked_delivery_is_queued_when_its_turn_comes(
    effects_ledger: Ledger, tenant_pool: Pool
) -> None:
    """Its row is a new one: what a gateway or a worker still wants to delete is the old one."""
    head = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    second = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    assert await _take_turn(tenant_pool, head)
    assert not await _take_turn(tenant_pool, second)
    await effects_ledger.pool.execute("delete from postern.outbox")
    await _close(effects_ledger, head)
    (row,) = await effects_ledger.outbox()
    assert (row["delivery_id"], row["attempt"]) == (second.delivery_id, 0)
    assert row["available_at"] <= row["read_at"] + _MOMENT
    assert row["ticket"] > 0
    assert await _take_turn(tenant_pool, second)


async def test_a_turn_is_left_to_whoever_gave_it(
    effects_ledger: Ledger, tenant_pool: Pool
) -> None:
    """For a moment no relay and no other worker finds it due; who closed the one before does."""
    head = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    second = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    assert await _take_turn(tenant_pool, head)
    assert not await _take_turn(tenant_pool, second)
    await effects_ledger.pool.execute("delete from postern.outbox")
    await _close(effects_ledger, head)
    given_at = await effects_ledger.pool.fetchval("select turn_at from postern.ordered_deliveries")
    (row,) = await effects_ledger.outbox()
    assert row["available_at"] == given_at + _MOMENT
    assert await _claim_following(tenant_pool, head) == [second.delivery_id]
    # It is in somebody's hands now, and then waits for a retry: not for whoever asks again.
    assert await _claim_following(tenant_pool, head) == []


async def test_a_retry_is_not_taken_up_before_its_time(
    effects_ledger: Ledger, tenant_pool: Pool, processor: Processor
) -> None:
    """Who closes a delivery does not pull forward what waits for another attempt."""
    head = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    second = await effects_ledger.record({"ending": "done", "failures": 1}, ordering_key="a")
    await processor.process(second)
    await processor.process(head)
    assert (await effects_ledger.delivery(second))["retry_count"] == 1
    assert await _claim_following(tenant_pool, head) == []


async def test_a_long_line_is_left_to_others_in_between(
    effects_ledger: Ledger, processor: Processor
) -> None:
    """Who has handled a hundred in a row leaves the next one in the outbox, due in a moment."""
    line = [
        await effects_ledger.record({"ending": "done"}, ordering_key="a", is_published=True)
        for _ in range(102)
    ]
    for queued in reversed(line):
        await processor.process(queued)
    assert await _effects(effects_ledger) == [queued.delivery_id for queued in line[:100]]
    (row,) = await effects_ledger.outbox()
    assert row["delivery_id"] == line[100].delivery_id
    assert row["available_at"] <= row["read_at"] + _MOMENT


async def test_a_line_is_claimed_in_order_behind_whose_turn_it_is(
    effects_ledger: Ledger, tenant_pool: Pool
) -> None:
    """Up to the limit; nothing of it while the first is in somebody's hands or not due."""
    head, *line = [
        await effects_ledger.record({"ending": "done"}, ordering_key="a") for _ in range(6)
    ]
    assert await _take_turn(tenant_pool, head)
    await _close(effects_ledger, head)
    wanted = [queued.delivery_id for queued in line[:4]]
    assert await _claim_following(tenant_pool, head, limit=4) == wanted
    assert await _claim_following(tenant_pool, head, limit=4) == []


async def _wait_in_line(
    ledger: Ledger, processor: Processor, bodies: Sequence[object]
) -> list[QueuedDelivery]:
    """Have deliveries of one key wait for the first of them, then let it come."""
    line = [await ledger.record(body, ordering_key="a", is_published=True) for body in bodies]
    for queued in reversed(line):
        await processor.process(queued)
    return line


async def _commit_count(ledger: Ledger) -> int:
    """Return how many transactions have written effects."""
    count: int = await ledger.pool.fetchval("select count(distinct xmin::text) from effects")
    return count


async def test_a_line_shares_transactions(effects_ledger: Ledger, processor: Processor) -> None:
    """Those that wait are handled in order, several in one commit, and closed in order."""
    line = await _wait_in_line(effects_ledger, processor, [{"ending": "done"}] * 17)
    assert await _effects(effects_ledger) == [queued.delivery_id for queued in line]
    assert await _commit_count(effects_ledger) == 3
    rows = await effects_ledger.pool.fetch(
        "select delivery_id from postern.deliveries where dispatch_status = 'dispatched' "
        "order by completed_at"
    )
    assert [row["delivery_id"] for row in rows] == [queued.delivery_id for queued in line]
    assert await effects_ledger.outbox() == []


async def test_late_copies_of_a_line_are_turned_away(
    effects_ledger: Ledger, processor: Processor, tenant_pool: Pool
) -> None:
    """What was handled ahead of its own copy is closed: the copy takes no turn and no place."""
    line = await _wait_in_line(effects_ledger, processor, [{"ending": "done"}] * 5)
    last = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    for copy in line:
        assert not await _take_turn(tenant_pool, copy)
        await processor.process(copy)
    assert await effects_ledger.effect_count() == 5
    assert await _take_turn(tenant_pool, last)


@pytest.mark.parametrize(
    ("ending", "status", "done"),
    [("reject", "failed", [0, 1, 2, 4, 5]), ("retry", "pending", [0, 1, 2])],
)
async def test_who_fails_in_a_line_stops_it_where_it_stands(
    effects_ledger: Ledger, processor: Processor, ending: str, status: str, done: Sequence[int]
) -> None:
    """Those before it are done, in order; those behind wait for its retry, or go on."""
    endings = ["done", "done", "done", ending, "done", "done"]
    line = await _wait_in_line(effects_ledger, processor, [{"ending": one} for one in endings])
    assert (await effects_ledger.delivery(line[3]))["dispatch_status"] == status
    assert await _effects(effects_ledger) == [line[number].delivery_id for number in done]


async def test_no_turn_is_lost_when_closing_and_parking_meet(
    effects_ledger: Ledger, tenant_pool: Pool
) -> None:
    """A delivery either gets its turn or is queued by whoever closes the one before it."""
    for round_number in range(150):
        key = f"key-{round_number}"
        head = await effects_ledger.record({"ending": "done"}, ordering_key=key)
        second = await effects_ledger.record({"ending": "done"}, ordering_key=key)
        assert await _take_turn(tenant_pool, head)
        await effects_ledger.pool.execute("delete from postern.outbox")
        _, has_turn = await asyncio.gather(
            _close(effects_ledger, head), _take_turn(tenant_pool, second)
        )
        queued = [row["delivery_id"] for row in await effects_ledger.outbox()]
        assert queued == ([] if has_turn else [second.delivery_id])
        await _close(effects_ledger, second)


async def test_one_of_many_takes_a_free_turn(effects_ledger: Ledger, tenant_pool: Pool) -> None:
    """However many ask at once, the first of the key has it, and no other."""
    line = [await effects_ledger.record({"ending": "done"}, ordering_key="a") for _ in range(20)]
    turns = await asyncio.gather(*(_take_turn(tenant_pool, queued) for queued in line))
    assert turns == [True] + [False] * 19


async def test_a_later_commit_with_an_earlier_place_waits(
    effects_ledger: Ledger, tenant_pool: Pool
) -> None:
    """Who has the turn keeps it, even when a place before it becomes visible."""
    async with effects_ledger.pool.acquire() as slow, slow.transaction():
        early = await effects_ledger.record({"ending": "done"}, ordering_key="a", over=slow)
        later = await effects_ledger.record({"ending": "done"}, ordering_key="a")
        assert await _take_turn(tenant_pool, later)
    assert not await _take_turn(tenant_pool, early)
    await _close(effects_ledger, later)
    assert await _take_turn(tenant_pool, early)


async def test_a_dropped_delivery_gives_its_turn_on(
    effects_ledger: Ledger, tenant_pool: Pool, system_pool: Pool
) -> None:
    """A delivery that went with its partition does not block its key for ever."""
    gone = await effects_ledger.record({"ending": "done"}, ordering_key="a", seconds_ago=864_000)
    second = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    assert await _take_turn(tenant_pool, gone)
    assert not await _take_turn(tenant_pool, second)
    await effects_ledger.pool.execute(
        "delete from postern.deliveries where delivery_id = $1", gone.delivery_id
    )
    async with system_pool.acquire() as connection:
        assert await Housekeeping(connection).release_orphaned_places(9, limit=10) == 1
    assert await _take_turn(tenant_pool, second)


async def _take_turn(pool: Pool, queued: QueuedDelivery) -> bool:
    assert queued.ordering_key is not None
    async with tenant_transaction(pool, queued.tenant_id) as connection:
        turn = await Order(connection).take_turn(
            queued.tenant_id, OrderedDelivery(queued.ordering_key, queued.delivery_id)
        )
    return turn is Turn.NOW


async def _claim_following(
    pool: Pool, queued: QueuedDelivery, *, limit: int = 1
) -> list[DeliveryId]:
    assert queued.ordering_key is not None
    async with tenant_transaction(pool, queued.tenant_id) as connection:
        lines = await Order(connection).claim_following(
            queued.tenant_id, [queued.ordering_key], lease_seconds=30.0, limit=limit
        )
    return [following.delivery_id for following in lines.get(queued.ordering_key, [])]


async def _close(ledger: Ledger, queued: QueuedDelivery) -> None:
    await ledger.pool.execute(
        "update postern.deliveries set dispatch_status = 'dispatched' where delivery_id = $1",
        queued.delivery_id,
    )
