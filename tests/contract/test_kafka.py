"""The kafka adapter keeps the contract of queues, and its own promises about records."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.queue.connect import GroupMember, connect_consumer, connect_producer
from shared.queue.port import Consumer, PoisonRecord
from shared.queue.topics import ensure_topic
from tests.contract.ledger import make_delivery
from tests.contract.queue_contract import (
    QueueContract,
    QueueUnderTest,
    assert_quiet,
    delivery_of,
    receive_count,
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    opened = await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="queue-tests", size=5
    )
    yield opened
    await opened.close()


@pytest.fixture
async def topic(kafka_bootstrap: str) -> str:
    """A topic of this test's own."""
    name = f"queue-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, name, partitions=3)
    return name


class TestKafkaQueue(QueueContract):
    """The contract, and what is particular to partitions and groups."""

    @pytest.fixture
    async def queue(
        self, kafka_bootstrap: str, topic: str, pool: Pool
    ) -> AsyncIterator[QueueUnderTest]:
        """A queue on a topic and group of its own."""
        url = f"kafka://{kafka_bootstrap}"
        producer = connect_producer(url, topic=topic, pool=pool)
        yield QueueUnderTest(
            pool=pool,
            producer=producer,
            open_consumer=lambda: connect_consumer(
                url, topic=topic, pool=pool, member=GroupMember(group_id=topic)
            ),
        )
        await producer.close()

    async def settle(self, consumers: Sequence[Consumer]) -> None:
        """Poll all of them at once for a while: a group settles only while its members ask."""
        for _ in range(4):
            await asyncio.gather(*(assert_quiet(consumer) for consumer in consumers))

    def test_workers_do_not_read_the_outbox(self, queue: QueueUnderTest) -> None:
        """Gateways may see that they must send and clear the outbox."""
        assert not queue.producer.reads_outbox

    async def test_a_poison_record_is_handed_out_and_the_partition_goes_on(
        self, queue: QueueUnderTest, kafka_bootstrap: str, topic: str
    ) -> None:
        """What cannot be decoded comes with its place and bytes, once acknowledged never again."""
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as stranger:
            await stranger.send_and_wait(topic, b"\x00garbage", partition=0)
            await stranger.send_and_wait(topic, key=b"tombstone", partition=0)
        consumer = queue.open_consumer()
        receipts = await receive_count(consumer, 2)
        contents = [receipt.content for receipt in receipts]
        assert all(isinstance(content, PoisonRecord) for content in contents)
        assert [getattr(content, "value", None) for content in contents] == [b"\x00garbage", b""]
        assert getattr(contents[0], "source", None) == f"{topic}/0/0"
        for receipt in receipts:
            await consumer.ack(receipt)
        sent = make_delivery()
        await queue.keep(sent)
        (receipt,) = await receive_count(consumer, 1)
        assert delivery_of(receipt) == sent
        await consumer.ack(receipt)
        await consumer.close()
        successor = queue.open_consumer()
        await assert_quiet(successor)
        await successor.close()

    async def test_acknowledgements_of_a_lost_assignment_count_for_nothing(
        self, queue: QueueUnderTest
    ) -> None:
        """What was unfinished when the group changed hands comes again, whoever acks it late."""
        deliveries = [make_delivery(str(index).encode()) for index in range(30)]
        for delivery in deliveries:
            await queue.keep(delivery)
        first = queue.open_consumer()
        receipts = await receive_count(first, 30)
        for receipt in receipts[:10]:
            await first.ack(receipt)
        second = queue.open_consumer()
        again = await _receive_again(first, second, count=20)
        assert len(again) == 20
        for receipt in receipts:
            await first.ack(receipt)
        await first.close()
        await second.close()
        third = queue.open_consumer()
        late = await receive_count(third, 20)
        assert {delivery_of(receipt).body for receipt in late} == again
        await third.close()


async def _receive_again(first: Consumer, second: Consumer, *, count: int) -> set[bytes | None]:
    """Poll both, so that the second can join, until ``count`` bodies have come to either."""
    bodies: set[bytes | None] = set()
    async with asyncio.timeout(60):
        while len(bodies) < count:
            for batch in await asyncio.gather(
                first.receive(limit=30, wait_seconds=0.5),
                second.receive(limit=30, wait_seconds=0.5),
            ):
                bodies |= {delivery_of(receipt).body for receipt in batch}
    return bodies
