"""The relay moves what is due from the outbox to Kafka, whoever else does the same."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID, uuid4

import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.domain.delivery import QueuedDelivery
from shared.errors import QueueUnavailable
from shared.queue.connect import (
    GroupMember,
    connect_consumer,
    connect_outbox,
    connect_producer,
)
from shared.queue.port import Consumer
from shared.queue.topics import ensure_topic
from tests.contract.ledger import make_delivery, outbox_attempts, record_in_outbox
from tests.contract.queue_contract import assert_quiet, delivery_of, receive_count
from worker.maintenance.relay import Relay


class RecordingProducer:
    """A queue that keeps what it is sent, and can be told to refuse."""

    reads_outbox = False

    def __init__(self) -> None:
        self.sent: list[QueuedDelivery] = []
        self.refuses = False

    async def send(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Keep deliveries, after giving others a turn."""
        await asyncio.sleep(0)
        if self.refuses:
            raise QueueUnavailable
        self.sent += deliveries

    async def close(self) -> None:
        """Do nothing."""

    def sent_ids(self) -> list[UUID]:
        """Return the ids sent so far, in order."""
        return [delivery.delivery_id for delivery in self.sent]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    opened = await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="relay-tests", size=5
    )
    yield opened
    await opened.close()


def open_outbox(pool: Pool, lease_seconds: float = 60.0) -> Consumer:
    """Open the outbox as the relay reads it."""
    return connect_outbox(pool, lease_seconds=lease_seconds)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; the caller sets the deadline."""
    while not condition():  # noqa: ASYNC110 - the relay tells nobody
        await asyncio.sleep(0.01)


async def move_all(relay: Relay) -> None:
    """Move until nothing is due; the last look deletes what the one before has sent."""
    while await relay.move():
        pass


async def test_due_rows_reach_kafka_and_leave_the_outbox(pool: Pool, kafka_bootstrap: str) -> None:
    """A due row becomes a record; one due later stays."""
    topic = f"relay-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, topic, partitions=3)
    url = f"kafka://{kafka_bootstrap}"
    due = [make_delivery(b"body", attempt=3), make_delivery(b"x" * 300_000)]
    later = make_delivery()
    await record_in_outbox(pool, *due)
    await record_in_outbox(pool, later, due_in_seconds=60)
    producer = connect_producer(url, topic=topic, pool=pool)
    await move_all(Relay(open_outbox(pool), producer))
    await producer.close()
    consumer = connect_consumer(url, topic=topic, pool=pool, member=GroupMember(group_id=topic))
    received = {delivery_of(r).delivery_id: r.content for r in await receive_count(consumer, 2)}
    assert received[due[0].delivery_id] == due[0]
    large = received[due[1].delivery_id]
    assert isinstance(large, QueuedDelivery)
    assert large.body is None
    await assert_quiet(consumer)
    await consumer.close()
    assert list(await outbox_attempts(pool)) == [later.delivery_id]


async def test_several_relays_send_each_row_once_in_calm(pool: Pool) -> None:
    """Relays at the same time share the rows: none is missed, none is sent twice."""
    await record_in_outbox(pool, *(deliveries := [make_delivery() for _ in range(450)]))
    queue = RecordingProducer()
    relays = [Relay(open_outbox(pool), queue) for _ in range(3)]
    await asyncio.gather(*(move_all(relay) for relay in relays))
    assert sorted(queue.sent_ids()) == sorted(d.delivery_id for d in deliveries)
    assert await outbox_attempts(pool) == {}


async def test_several_relays_keep_the_order_of_each_key(pool: Pool) -> None:
    """However many relays there are, a key's deliveries are sent in the order of acceptance."""
    deliveries = [make_delivery(ordering_key=f"key-{index % 4}") for index in range(40)]
    await record_in_outbox(pool, *deliveries)
    queue = RecordingProducer()
    relays = [Relay(open_outbox(pool), queue) for _ in range(3)]
    async with asyncio.timeout(30):
        while len(queue.sent) < len(deliveries):
            await asyncio.gather(*(relay.move() for relay in relays))
    for key in {d.ordering_key for d in deliveries}:
        assert [d.delivery_id for d in queue.sent if d.ordering_key == key] == [
            d.delivery_id for d in deliveries if d.ordering_key == key
        ]


async def test_rows_stay_while_the_queue_refuses(pool: Pool) -> None:
    """An outage loses nothing: the rows wait, and are sent when the queue is back."""
    await record_in_outbox(pool, *(deliveries := [make_delivery() for _ in range(3)]))
    queue = RecordingProducer()
    queue.refuses = True
    relay = Relay(open_outbox(pool), queue)
    with pytest.raises(QueueUnavailable):
        await relay.move()
    assert len(await outbox_attempts(pool)) == 3
    queue.refuses = False
    stop = asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(relay.run(stop))
        await until(lambda: len(queue.sent) == 3)
        stop.set()
    assert sorted(queue.sent_ids()) == sorted(d.delivery_id for d in deliveries)
    assert await outbox_attempts(pool) == {}


async def test_a_refused_relay_tries_one_row_at_a_time(pool: Pool) -> None:
    """Also after a look that found nothing, such as while another relay was claiming."""
    queue = RecordingProducer()
    queue.refuses = True
    relay = Relay(open_outbox(pool), queue)
    await record_in_outbox(pool, make_delivery())
    with pytest.raises(QueueUnavailable):
        await relay.move()
    assert await relay.move() == 0
    await record_in_outbox(pool, *(make_delivery() for _ in range(5)))
    accepted = await pool.fetchval(
        "select count(*) from postern.outbox where available_at <= now()"
    )
    with pytest.raises(QueueUnavailable):
        await relay.move()
    due = await pool.fetchval("select count(*) from postern.outbox where available_at <= now()")
    assert due == accepted - 1
    queue.refuses = False
    first, second, *_ = [moved for _ in range(8) if (moved := await relay.move())]
    assert first == 1
    assert second > 1


async def test_run_reports_a_fault_and_recovers(pool: Pool) -> None:
    """While the queue refuses, the fault is shown; afterwards it is gone."""
    await record_in_outbox(pool, make_delivery())
    queue = RecordingProducer()
    queue.refuses = True
    relay = Relay(open_outbox(pool), queue)
    stop = asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(relay.run(stop))
        await until(lambda: relay.fault is not None)
        queue.refuses = False
        await until(lambda: relay.fault is None and len(queue.sent) == 1)
        stop.set()


async def test_a_relay_that_died_after_sending_sends_again(pool: Pool) -> None:
    """Death between send and delete repeats, and never loses."""
    await record_in_outbox(pool, sent := make_delivery())
    first = RecordingProducer()
    await Relay(open_outbox(pool, lease_seconds=0.5), first).move()
    second = RecordingProducer()
    heir = Relay(open_outbox(pool), second)
    async with asyncio.timeout(30):
        while not second.sent:
            await heir.move()
    await move_all(heir)
    assert first.sent == second.sent == [sent]
    assert await outbox_attempts(pool) == {}


async def test_a_retry_written_meanwhile_survives_the_relay(pool: Pool) -> None:
    """A worker may fail the delivery and queue its retry before the relay has deleted the row."""
    await record_in_outbox(pool, sent := make_delivery())
    queue = RecordingProducer()
    relay = Relay(open_outbox(pool), queue)
    await relay.move()
    await pool.execute(
        "update postern.outbox set attempt = 1, available_at = now() + interval '1 hour'"
    )
    await move_all(relay)
    assert queue.sent == [sent]
    assert await outbox_attempts(pool) == {sent.delivery_id: 1}
