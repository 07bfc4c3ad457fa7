"""The kafka adapter keeps the contract of queues, and its own promises about records."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.domain.identifiers import TenantId
from shared.queue.connect import GroupMember, connect_consumer, connect_producer
from shared.queue.port import Consumer, PoisonRecord, Receipt
from shared.queue.topics import ensure_topic
from tests.contract.ledger import make_delivery
from tests.contract.queue_contract import (
    QueueContract,
    QueueUnderTest,
    assert_quiet,
    delivery_of,
    ids_of,
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

    @pytest.mark.parametrize("ordering_key", [None, "key"])
    async def test_a_record_that_the_broker_finds_too_large_leaves_its_body_behind(
        self, queue: QueueUnderTest, kafka_bootstrap: str, topic: str, ordering_key: str | None
    ) -> None:
        """It fails none of those that travel with it, and comes in its place among them."""
        await _limit_records(kafka_bootstrap, topic, size_bytes=10_000)
        bodies = [b"1", b"2" * 4_000, b"3" * 50_000, b"4" * 4_000, b"5" * 4_000, b"6"]
        sent = [make_delivery(body, ordering_key=ordering_key) for body in bodies]
        await queue.keep(*sent)
        consumer = queue.open_consumer()
        receipts = await receive_count(consumer, len(sent))
        sent[2] = replace(sent[2], body=None)
        assert [delivery_of(receipt) for receipt in receipts] == sent
        await consumer.close()

    async def test_a_worker_back_under_its_name_disturbs_nobody(
        self, kafka_bootstrap: str, topic: str, pool: Pool
    ) -> None:
        """Its partitions wait for it within a session; the others keep what they have in hand."""
        url = f"kafka://{kafka_bootstrap}"

        def member(name: str) -> Consumer:
            return connect_consumer(
                url,
                topic=topic,
                pool=pool,
                member=GroupMember(group_id=topic, instance_id=name, session_seconds=30),
            )

        producer = connect_producer(url, topic=topic, pool=pool)
        staying, leaving = member("one"), member("two")
        await self.settle([staying, leaving])
        # One call for each partition of the topic.
        for number in range(3):
            await producer.send([make_delivery(str(number).encode())])
        kept, left = await _receive_all([staying, leaving], count=3)
        assert kept
        assert left
        await leaving.close()
        returned = member("two")
        async with asyncio.timeout(20):
            _, again = await _receive_all([staying, returned], count=len(left))
        assert {delivery_of(receipt).body for receipt in again} == {
            delivery_of(receipt).body for receipt in left
        }
        # Had its partitions been taken away, what it has in hand would have come again.
        for receipt in kept:
            await staying.ack(receipt)
        await self.settle([staying, returned])
        for consumer in (staying, returned):
            await consumer.close()
        await producer.close()

    async def test_a_crowd_takes_a_part_of_what_is_in_hand(
        self, kafka_bootstrap: str, pool: Pool
    ) -> None:
        """With hundreds of one tenant waiting, and none of them ending, the others' come."""
        name = f"crowd-{uuid4().hex}"
        await ensure_topic(kafka_bootstrap, name, partitions=4)
        url = f"kafka://{kafka_bootstrap}"
        producer = connect_producer(url, topic=name, pool=pool)
        others = [make_delivery(b"other") for _ in range(10)]
        crowd_tenant = TenantId(UUID(int=7))
        crowd = [replace(make_delivery(b"crowd"), tenant_id=crowd_tenant) for _ in range(400)]
        await producer.send(others[:5])
        await producer.send(crowd)
        await producer.send(others[5:])
        consumer = connect_consumer(
            url, topic=name, pool=pool, concurrency=40, member=GroupMember(group_id=name)
        )
        in_hand = ids_of(await receive_count(consumer, 1))
        async with asyncio.timeout(30):
            while received := await consumer.receive(limit=40, wait_seconds=0.5):
                in_hand += ids_of(received)
        assert {one.delivery_id for one in others} <= set(in_hand)
        # The first hundred of the tenant were no crowd yet; of the rest there is half of 40.
        assert 20 < len(in_hand) <= len(others) + 101 + 20
        await consumer.close()
        await producer.close()


async def _limit_records(bootstrap: str, topic: str, *, size_bytes: int) -> None:
    """Let a broker refuse batches above a size, and wait until it does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        settings = {"max.message.bytes": str(size_bytes)}
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)]
        )
    finally:
        await admin.close()


async def _receive_all(consumers: Sequence[Consumer], *, count: int) -> list[list[Receipt]]:
    """Poll all consumers until ``count`` receipts have come in all; return them by consumer."""
    receipts: list[list[Receipt]] = [[] for _ in consumers]
    async with asyncio.timeout(30):
        while sum(map(len, receipts)) < count:
            batches = await asyncio.gather(
                *(consumer.receive(limit=10, wait_seconds=0.2) for consumer in consumers)
            )
            for received, batch in zip(receipts, batches, strict=True):
                received.extend(batch)
    return receipts


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
