"""Deliveries that were lost on their way are found, and those that were not are left alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from time import monotonic
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.domain.delivery import QueuedDelivery
from shared.errors import QueueUnavailable
from shared.queue.connect import (
    GroupMember,
    connect_backlog,
    connect_consumer,
    connect_outbox,
    connect_producer,
)
from shared.queue.port import Consumer
from shared.queue.topics import ensure_topic
from tests.integration.worker.world import Ledger
from worker.maintenance.reconciler import Reconciler
from worker.maintenance.relay import Relay
from worker.processor import Processor

_DEADLINE_SECONDS = 60.0
_BODY = {"ending": "done"}
_AGE = (
    "update postern.deliveries set received_at = received_at - make_interval(secs => $1), "
    "next_attempt_at = next_attempt_at - make_interval(secs => $1)"
)
_HAS_TURN = """
insert into postern.ordered_deliveries (tenant_id, ordering_key, delivery_id, has_turn, turn_at)
select tenant_id, 'key', delivery_id, true, now() - make_interval(secs => $1)
from postern.deliveries
on conflict (tenant_id, delivery_id) where delivery_id is not null
    do update set turn_at = excluded.turn_at
"""
_CLEAR = "delete from postern.outbox"
_FINISHED = """
insert into postern.deliveries (
    tenant_id, delivery_id, received_at, request_method, request_path, request_headers,
    source_address, auth_status, dispatch_status, response_status)
select gen_random_uuid(), (overlay(gen_random_uuid()::text placing
           left(postern.uuid7_floor(now() - interval '2 hours')::text, 13) from 1))::uuid,
       now(), 'POST', '/', '', '', 'verified', 'dispatched', 200
from generate_series(1, $1)
"""


@pytest.fixture
async def system_pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="reconciler-tests", size=4
    ) as pool:
        yield pool


@dataclass
class KnownBacklog:
    """A queue that is known to be finished up to a moment, or not to be known."""

    seconds: float | None = 0.0

    async def finished_seconds_ago(self) -> float | None:
        """Return what is known."""
        if self.seconds is None:
            raise QueueUnavailable
        return self.seconds


def _reconciler(pool: Pool, backlog: KnownBacklog | None = None) -> Reconciler:
    return Reconciler(pool, backlog or KnownBacklog(), grace_seconds=30.0, latest_seconds=3600.0)


async def _lose(ledger: Ledger, *, seconds_ago: float) -> QueuedDelivery:
    """Record a delivery as though so long ago, and take it off the queue."""
    lost = await ledger.record(_BODY)
    await ledger.pool.execute(_CLEAR)
    await ledger.pool.execute(_AGE, seconds_ago)
    # The id tells the time as well.
    aged = UUID(int=lost.delivery_id.int - (int(seconds_ago * 1000) << 80))
    await ledger.pool.execute(
        "update postern.deliveries set delivery_id = $2 where delivery_id = $1",
        lost.delivery_id,
        aged,
    )
    return lost


async def _queued_count(ledger: Ledger) -> int:
    return len(await ledger.outbox())


async def test_a_lost_delivery_is_queued_again_once(
    effects_ledger: Ledger, system_pool: Pool
) -> None:
    """It is due at once, as the attempt that it was at; the next look leaves it alone."""
    await _lose(effects_ledger, seconds_ago=120)
    await effects_ledger.pool.execute("update postern.deliveries set retry_count = 3")
    reconciler = _reconciler(system_pool)
    assert await reconciler.reconcile() == 1
    (row,) = await effects_ledger.outbox()
    assert row["attempt"] == 3
    assert row["available_at"] <= row["read_at"]
    await effects_ledger.pool.execute(_CLEAR)  # as though a relay had sent it
    assert await reconciler.reconcile() == 0


@pytest.mark.parametrize(
    ("finished_seconds_ago", "age_seconds", "expected"),
    [(0, 20, 0), (0, 40, 1), (100, 120, 0), (100, 140, 1), (9000, 3500, 0), (9000, 3700, 1)],
)
async def test_what_the_queue_may_still_have_is_left_to_it(
    effects_ledger: Ledger,
    system_pool: Pool,
    finished_seconds_ago: float,
    age_seconds: float,
    expected: int,
) -> None:
    """Lost is what is older than all that is unread, by the grace, or older than the latest."""
    await _lose(effects_ledger, seconds_ago=age_seconds)
    reconciler = _reconciler(system_pool, KnownBacklog(finished_seconds_ago))
    assert await reconciler.reconcile() == expected


@pytest.mark.parametrize(("age_seconds", "expected"), [(3500, 0), (3700, 1)])
async def test_an_unknown_queue_delays_only(
    effects_ledger: Ledger, system_pool: Pool, age_seconds: float, expected: int
) -> None:
    """With Kafka away, only what is older than the latest counts as lost."""
    await _lose(effects_ledger, seconds_ago=age_seconds)
    assert await _reconciler(system_pool, KnownBacklog(None)).reconcile() == expected


async def test_what_waited_for_its_turn_counts_from_then(
    effects_ledger: Ledger, system_pool: Pool
) -> None:
    """A delivery that was parked for long, and sent when its turn came, is not lost by its age."""
    await _lose(effects_ledger, seconds_ago=1000)
    await effects_ledger.pool.execute(_HAS_TURN, 5.0)
    assert await _reconciler(system_pool).reconcile() == 0
    await effects_ledger.pool.execute(_HAS_TURN, 100.0)
    assert await _reconciler(system_pool).reconcile() == 1


async def test_what_waits_for_a_retry_is_not_lost(
    effects_ledger: Ledger, system_pool: Pool
) -> None:
    """A delivery counts from its next attempt, however long ago it was accepted."""
    await _lose(effects_ledger, seconds_ago=1000)
    await effects_ledger.pool.execute(
        "update postern.deliveries set next_attempt_at = now() - interval '5 seconds'"
    )
    assert await _reconciler(system_pool).reconcile() == 0


async def test_what_was_relayed_late_is_left_to_the_queue(
    effects_ledger: Ledger, system_pool: Pool
) -> None:
    """After an outage the queue holds what is older than the outage's end: it is not lost."""
    await _lose(effects_ledger, seconds_ago=600)
    rows = await effects_ledger.pool.fetch("select tenant_id, delivery_id from postern.deliveries")
    await effects_ledger.pool.execute(
        "insert into postern.outbox values ($1, $2, now() - interval '590 seconds')",
        *rows[0].values(),
    )
    backlog = KnownBacklog()
    reconciler = _reconciler(system_pool, backlog)
    assert await reconciler.reconcile() == 0  # it waits in the outbox
    looked_at = monotonic()
    await effects_ledger.pool.execute(_CLEAR)  # a relay has sent it
    backlog.seconds = monotonic() - looked_at
    assert await reconciler.reconcile() == 0  # what was sent since that look is unfinished
    backlog.seconds = 0.0
    assert await reconciler.reconcile() == 1  # the queue has finished all, but not this


async def test_what_is_queued_finished_or_handled_is_left_alone(
    effects_ledger: Ledger, system_pool: Pool
) -> None:
    """An outbox row, an end, and a worker's lock on the delivery each tell that it is not lost."""
    await _lose(effects_ledger, seconds_ago=120)
    rows = await effects_ledger.pool.fetch("select tenant_id, delivery_id from postern.deliveries")
    reconciler = _reconciler(system_pool)
    async with effects_ledger.pool.acquire() as worker, worker.transaction():
        await worker.execute("select from postern.deliveries for update")
        assert await reconciler.reconcile() == 0
    await effects_ledger.pool.execute("update postern.deliveries set dispatch_status = 'failed'")
    assert await reconciler.reconcile() == 0
    await effects_ledger.pool.execute("update postern.deliveries set dispatch_status = 'pending'")
    await effects_ledger.pool.execute(
        "insert into postern.outbox values ($1, $2, now() + interval '1 hour')", *rows[0].values()
    )
    assert await reconciler.reconcile() == 0


async def test_several_reconcilers_queue_a_delivery_once(
    effects_ledger: Ledger, system_pool: Pool
) -> None:
    """All workers may look at the same moment."""
    for _ in range(20):
        await _lose(effects_ledger, seconds_ago=60)
    counts = await asyncio.gather(*(_reconciler(system_pool).reconcile() for _ in range(4)))
    assert sum(counts) == 20
    assert await _queued_count(effects_ledger) == 20


async def test_millions_of_finished_deliveries_cost_nothing(
    effects_ledger: Ledger, system_pool: Pool
) -> None:
    """A look reads unfinished deliveries alone, by their index."""
    await effects_ledger.pool.execute(_FINISHED, 20_000)
    await _lose(effects_ledger, seconds_ago=120)
    async with effects_ledger.pool.acquire() as owner:
        await owner.execute("analyze postern.deliveries")
    reconciler = _reconciler(system_pool)
    await reconciler.reconcile()
    read = (
        "select sum(pg_stat_get_tuples_fetched(c.oid) + pg_stat_get_tuples_returned(c.oid)) "
        "from pg_class c where relname like 'deliveries_%'"
    )
    flush = "select pg_stat_force_next_flush()"
    await system_pool.execute(flush)
    before = await effects_ledger.pool.fetchval(read)
    await reconciler.reconcile()
    await system_pool.execute(flush)
    assert await effects_ledger.pool.fetchval(read) - before < 200


async def _relay_all(relay: Relay) -> None:
    while await relay.move():
        pass


async def _handle(consumer: Consumer, processor: Processor, count: int) -> None:
    """Take so many deliveries off the queue and handle them."""
    handled = 0
    deadline = monotonic() + _DEADLINE_SECONDS
    while handled < count:
        assert monotonic() < deadline, f"handled {handled} of {count}"
        try:
            receipts = await consumer.receive(limit=count - handled, wait_seconds=0.5)
        except QueueUnavailable:
            await asyncio.sleep(0.1)
            continue
        for receipt in receipts:
            assert isinstance(receipt.content, QueuedDelivery)
            await processor.process(receipt.content)
            await consumer.ack(receipt)
        handled += len(receipts)


async def _start_anew(bootstrap: str, topic: str) -> None:
    """Delete a topic with all that is in it, and make it again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])
        while topic in await admin.list_topics():  # noqa: ASYNC110 - a broker tells nobody
            await asyncio.sleep(0.05)
    finally:
        await admin.close()
    await ensure_topic(bootstrap, topic, partitions=4)


async def _effects(ledger: Ledger) -> Sequence[int]:
    rows = await ledger.pool.fetch("select count(*) from public.effects group by delivery_id")
    return [row["count"] for row in rows]


async def test_kafka_loses_everything(
    effects_ledger: Ledger, system_pool: Pool, processor: Processor, kafka_bootstrap: str
) -> None:
    """A topic is made anew under a consumer in its middle: each delivery is handled once."""
    topic = f"lost-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, topic, partitions=4)
    url = f"kafka://{kafka_bootstrap}"
    member = GroupMember(group_id=topic)
    producer = connect_producer(url, topic=topic, pool=system_pool)
    relay = Relay(connect_outbox(system_pool), producer)
    consumer = connect_consumer(url, topic=topic, pool=system_pool, member=member)
    reconciler = Reconciler(
        system_pool,
        connect_backlog(url, topic=topic, member=member),
        grace_seconds=0.0,
        latest_seconds=3600.0,
    )
    for _ in range(30):
        await effects_ledger.record(_BODY)
    await _relay_all(relay)
    await _handle(consumer, processor, 10)
    assert await reconciler.reconcile() == 0  # Kafka has twenty of them
    await _start_anew(kafka_bootstrap, topic)
    deadline = monotonic() + _DEADLINE_SECONDS
    while await reconciler.reconcile() == 0:
        assert monotonic() < deadline
        await asyncio.sleep(0.1)
    assert await _queued_count(effects_ledger) == 20
    await _relay_all(relay)
    await _handle(consumer, processor, 20)
    assert await _effects(effects_ledger) == [1] * 30
    await consumer.close()
    await producer.close()
