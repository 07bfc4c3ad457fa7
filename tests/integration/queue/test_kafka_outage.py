"""Kafka away and back: nothing hangs, nothing received is lost, and no restart is needed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from time import monotonic
from uuid import uuid4

import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.embedded.kafka import EmbeddedKafka
from shared.errors import QueueUnavailable
from shared.queue.connect import GroupMember, connect_consumer, connect_producer
from shared.queue.port import Consumer, Producer
from shared.queue.topics import ensure_topic
from tests.contract.ledger import make_delivery
from tests.contract.queue_contract import delivery_of
from tests.servers import jars_of

_DEADLINE_SECONDS = 90.0
#: Longer than a producer is kept without an acknowledgement.
_OUTAGE_SECONDS = 12.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker that these tests may stop; the run's own broker serves others."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka") / "data", jars_of("kafka")) as started:
        yield started


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    opened = await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="outage-tests", size=2
    )
    yield opened
    await opened.close()


@pytest.fixture
async def topic(broker: EmbeddedKafka) -> str:
    """A topic of this test's own."""
    broker.start()
    name = f"outage-{uuid4().hex}"
    await ensure_topic(broker.bootstrap, name, partitions=3)
    return name


async def send_until_accepted(producer: Producer, body: bytes) -> None:
    """Send a new delivery until the queue takes it."""
    delivery = make_delivery(body)
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while True:
            try:
                return await producer.send([delivery])
            except QueueUnavailable:
                await asyncio.sleep(0.2)


async def receive_bodies(consumer: Consumer, wanted: set[bytes]) -> None:
    """Receive and acknowledge until every wanted body has come; repeats are allowed."""
    missing = set(wanted)
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while missing:
            try:
                for receipt in await consumer.receive(limit=10, wait_seconds=0.5):
                    body = delivery_of(receipt).body
                    assert body in wanted
                    missing.discard(body)
                    await consumer.ack(receipt)
            except QueueUnavailable:
                await asyncio.sleep(0.2)


async def test_producer_and_consumer_go_on_when_the_broker_comes_back(
    broker: EmbeddedKafka, topic: str, pool: Pool
) -> None:
    """Both outlive their own patience with a broker; sends fail in bounded time meanwhile."""
    url = f"kafka://{broker.bootstrap}"
    producer = connect_producer(url, topic=topic, pool=pool)
    consumer = connect_consumer(url, topic=topic, pool=pool, member=GroupMember(group_id=topic))
    await send_until_accepted(producer, b"before")
    await receive_bodies(consumer, {b"before"})
    await asyncio.to_thread(broker.kill)
    down_until = monotonic() + _OUTAGE_SECONDS
    while monotonic() < down_until:
        began = monotonic()
        with pytest.raises(QueueUnavailable):
            await producer.send([make_delivery(b"never")])
        assert monotonic() - began < 15
        try:
            assert not await consumer.receive(limit=1, wait_seconds=0.5)
        except QueueUnavailable:
            await asyncio.sleep(0.2)
    await asyncio.to_thread(broker.start)
    back_at = monotonic()
    await send_until_accepted(producer, b"after")
    assert monotonic() - back_at < 15
    await receive_until(consumer, b"after")
    await consumer.close()
    await producer.close()


async def receive_until(consumer: Consumer, last: bytes) -> None:
    """Receive until a body has come; those whose sends failed may have arrived too."""
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while True:
            try:
                for receipt in await consumer.receive(limit=10, wait_seconds=0.5):
                    await consumer.ack(receipt)
                    if delivery_of(receipt).body == last:
                        return
            except QueueUnavailable:
                await asyncio.sleep(0.2)


async def test_a_program_may_start_before_its_broker(
    broker: EmbeddedKafka, topic: str, pool: Pool
) -> None:
    """With the broker down from the start, calls fail in bounded time, and work once it is up."""
    await asyncio.to_thread(broker.stop)
    url = f"kafka://{broker.bootstrap}"
    producer = connect_producer(url, topic=topic, pool=pool)
    consumer = connect_consumer(url, topic=topic, pool=pool, member=GroupMember(group_id=topic))
    began = monotonic()
    with pytest.raises(QueueUnavailable):
        await producer.send([make_delivery()])
    with pytest.raises(QueueUnavailable):
        await consumer.receive(limit=1, wait_seconds=0)
    assert monotonic() - began < 20
    await asyncio.to_thread(broker.start)
    await send_until_accepted(producer, b"first")
    await receive_bodies(consumer, {b"first"})
    await consumer.close()
    await producer.close()


async def test_closing_is_bounded_when_the_broker_is_gone(
    broker: EmbeddedKafka, topic: str, pool: Pool
) -> None:
    """Leaving takes seconds, even with a send and acknowledgements unsettled."""
    url = f"kafka://{broker.bootstrap}"
    producer = connect_producer(url, topic=topic, pool=pool)
    consumer = connect_consumer(url, topic=topic, pool=pool, member=GroupMember(group_id=topic))
    await send_until_accepted(producer, b"unsettled")
    await receive_bodies(consumer, {b"unsettled"})
    await asyncio.to_thread(broker.kill)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(_refused(producer))
        await asyncio.sleep(0)
        began = monotonic()
        await producer.close()
        await consumer.close()
        assert monotonic() - began < 12
        await sending


async def _refused(producer: Producer) -> None:
    with pytest.raises(QueueUnavailable):
        await producer.send([make_delivery()])
