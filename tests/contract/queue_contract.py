"""What every queue adapter promises: one suite, inherited by one test class for each adapter."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from uuid import UUID

import pytest

from shared.database.pool import Pool
from shared.domain.delivery import QueuedDelivery
from shared.queue.port import Consumer, PoisonRecord, Producer, Receipt
from tests.contract.ledger import make_delivery, record
from worker.consumer import ConsumerLimits, ConsumerLoop

#: Far above what any step takes: a step that needs it has failed.
_DEADLINE_SECONDS = 30.0
#: How long a queue is watched before it counts as quiet; no promise depends on it.
_QUIET_SECONDS = 0.4

_LARGEST_TRAVELLING = 256 * 1024


@dataclass
class QueueUnderTest:
    """One adapter's queue with a ledger behind it."""

    pool: Pool
    producer: Producer
    #: Opens one more consumer of the same group; whoever opens closes.
    open_consumer: Callable[[], Consumer]

    async def keep(self, *deliveries: QueuedDelivery) -> None:
        """Record deliveries and send them, in one call."""
        await record(self.pool, *deliveries)
        await self.producer.send(deliveries)


async def receive_count(consumer: Consumer, count: int) -> list[Receipt]:
    """Return exactly the next ``count`` receipts, or fail at the deadline."""
    receipts: list[Receipt] = []
    deadline = monotonic() + _DEADLINE_SECONDS
    while len(receipts) < count:
        assert monotonic() < deadline, f"received {len(receipts)} of {count}"
        receipts += await consumer.receive(limit=count - len(receipts), wait_seconds=0.5)
    return receipts


async def assert_quiet(consumer: Consumer) -> None:
    """Fail when anything is received for a little while."""
    assert ids_of(await consumer.receive(limit=10, wait_seconds=_QUIET_SECONDS)) == []


def delivery_of(receipt: Receipt) -> QueuedDelivery:
    """Return the delivery of a receipt, which must not be poison."""
    assert isinstance(receipt.content, QueuedDelivery)
    return receipt.content


def ids_of(receipts: Sequence[Receipt]) -> list[UUID]:
    """Return the delivery ids of receipts, in order."""
    return [delivery_of(receipt).delivery_id for receipt in receipts]


async def _keep_no_poison(record: PoisonRecord) -> None:
    pytest.fail(f"poison: {record}")


class QueueContract:
    """Behaviour of any queue. A subclass provides the fixture ``queue``."""

    async def test_receive_returns_what_was_sent(self, queue: QueueUnderTest) -> None:
        """Every fact of a delivery arrives as it was sent."""
        sent = make_delivery(
            b'{"a": 1}', idempotency_key="evt_1 \u20ac", headers=b"x-a: 1\r\nx-b: 2\r\n"
        )
        await queue.keep(sent)
        consumer = queue.open_consumer()
        (receipt,) = await receive_count(consumer, 1)
        assert receipt.content == sent
        await consumer.close()

    async def test_receive_returns_nothing_when_nothing_was_sent(
        self, queue: QueueUnderTest
    ) -> None:
        """An empty queue answers with nothing once the wait is over."""
        consumer = queue.open_consumer()
        await assert_quiet(consumer)
        await consumer.close()

    async def test_receive_waits_for_the_first_delivery(self, queue: QueueUnderTest) -> None:
        """A delivery sent while a receive waits ends that wait."""
        consumer = queue.open_consumer()
        sent = make_delivery()
        async with asyncio.TaskGroup() as group:
            receiving = group.create_task(receive_count(consumer, 1))
            await queue.keep(sent)
        assert ids_of(receiving.result()) == [sent.delivery_id]
        await consumer.close()

    async def test_receive_keeps_its_limit(self, queue: QueueUnderTest) -> None:
        """No more than the limit comes at once, and the rest comes after."""
        sent = [make_delivery() for _ in range(7)]
        await queue.keep(*sent)
        consumer = queue.open_consumer()
        received: list[UUID] = []
        async with asyncio.timeout(_DEADLINE_SECONDS):
            while len(received) < 7:
                batch = await consumer.receive(limit=3, wait_seconds=0.5)
                assert len(batch) <= 3
                received += ids_of(batch)
        assert sorted(received) == sorted(delivery.delivery_id for delivery in sent)
        await consumer.close()

    async def test_acknowledged_deliveries_do_not_come_again(self, queue: QueueUnderTest) -> None:
        """What was acknowledged before a consumer left is nobody's any more."""
        await queue.keep(*(make_delivery() for _ in range(5)))
        consumer = queue.open_consumer()
        for receipt in await receive_count(consumer, 5):
            await consumer.ack(receipt)
        await consumer.close()
        successor = queue.open_consumer()
        await assert_quiet(successor)
        later = make_delivery()
        await queue.keep(later)
        assert ids_of(await receive_count(successor, 1)) == [later.delivery_id]
        await successor.close()

    async def test_unacknowledged_deliveries_come_again_when_the_consumer_closes(
        self, queue: QueueUnderTest
    ) -> None:
        """What a consumer leaves unfinished reaches its successor."""
        sent = [make_delivery() for _ in range(4)]
        await queue.keep(*sent)
        consumer = queue.open_consumer()
        first, *others = await receive_count(consumer, 4)
        for receipt in others:
            await consumer.ack(receipt)
        await consumer.close()
        successor = queue.open_consumer()
        assert delivery_of(first).delivery_id in ids_of(await receive_count(successor, 1))
        await successor.close()

    async def test_a_released_delivery_comes_again_after_its_delay(
        self, queue: QueueUnderTest
    ) -> None:
        """A released delivery stays away for its delay, then comes with the same content."""
        sent = make_delivery()
        await queue.keep(sent)
        consumer = queue.open_consumer()
        (receipt,) = await receive_count(consumer, 1)
        released_at = monotonic()
        await consumer.nack(receipt, delay_seconds=0.5)
        (again,) = await receive_count(consumer, 1)
        assert monotonic() - released_at >= 0.45
        assert again.content == sent
        await consumer.ack(again)
        await assert_quiet(consumer)
        await consumer.close()

    async def test_a_released_delivery_does_not_hold_others_back(
        self, queue: QueueUnderTest
    ) -> None:
        """While one delivery waits for its delay, others come."""
        await queue.keep(make_delivery())
        consumer = queue.open_consumer()
        (receipt,) = await receive_count(consumer, 1)
        await consumer.nack(receipt, delay_seconds=60)
        others = [make_delivery() for _ in range(3)]
        await queue.keep(*others)
        assert set(ids_of(await receive_count(consumer, 3))) == {d.delivery_id for d in others}
        await consumer.close()

    async def test_a_slow_delivery_delays_no_other(self, queue: QueueUnderTest) -> None:
        """Without an order, all behind one that takes long are handled meanwhile, and once."""
        slow, *others = (make_delivery(str(number).encode()) for number in range(200))
        finish, handled = asyncio.Event(), list[bytes | None]()

        async def process(delivery: QueuedDelivery) -> None:
            if delivery == slow:
                await finish.wait()
            handled.append(delivery.body)

        loop = ConsumerLoop(
            queue.open_consumer(),
            process,
            keep_poison=_keep_no_poison,
            limits=ConsumerLimits(concurrency=4, drain_seconds=5),
        )
        # All in one call: with partitions, they are behind it in its own.
        await queue.keep(slow, *others)
        stop = asyncio.Event()
        async with asyncio.timeout(_DEADLINE_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(loop.run(stop))
            while len(handled) < len(others):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
            assert slow.body not in handled
            finish.set()
            stop.set()
        assert sorted(map(bytes, filter(None, handled))) == sorted(
            one.body or b"" for one in (slow, *others)
        )

    async def test_deliveries_of_one_key_come_in_order(self, queue: QueueUnderTest) -> None:
        """Each ordering key's deliveries arrive in the order of sending, whatever lies between."""
        sent = [make_delivery(ordering_key=f"key-{index % 3}") for index in range(12)]
        for start in range(0, 12, 4):
            await queue.keep(*sent[start : start + 4], make_delivery())
        consumer = queue.open_consumer()
        arrived: dict[str | None, list[UUID]] = {}
        for _ in range(15):
            (receipt,) = await receive_count(consumer, 1)
            delivery = delivery_of(receipt)
            arrived.setdefault(delivery.ordering_key, []).append(delivery.delivery_id)
            await consumer.ack(receipt)
        for key in ("key-0", "key-1", "key-2"):
            assert arrived[key] == [d.delivery_id for d in sent if d.ordering_key == key]
        await consumer.close()

    async def test_two_consumers_share_the_work(self, queue: QueueUnderTest) -> None:
        """In calm, two consumers together receive everything, and each delivery once."""
        consumers = [queue.open_consumer(), queue.open_consumer()]
        await self.settle(consumers)
        deliveries = [make_delivery() for _ in range(40)]
        sent = {delivery.delivery_id for delivery in deliveries}
        for delivery in deliveries:
            await queue.keep(delivery)
        received: list[UUID] = []
        async with asyncio.timeout(_DEADLINE_SECONDS):
            while len(received) < len(sent):
                for consumer in consumers:
                    batch = await consumer.receive(limit=5, wait_seconds=0.1)
                    received += ids_of(batch)
        for consumer in consumers:
            await assert_quiet(consumer)
        assert sorted(received) == sorted(sent)
        for consumer in consumers:
            await consumer.close()

    @pytest.mark.parametrize(
        "size",
        [0, 1, 255 * 1024, _LARGEST_TRAVELLING, _LARGEST_TRAVELLING + 1, 257 * 1024, 3 * 2**20],
    )
    async def test_bodies_of_every_size_arrive(self, queue: QueueUnderTest, size: int) -> None:
        """A body travels up to 256 KiB, and above waits in the ledger; its batch-mate arrives."""
        sent = make_delivery(b"\xff" * size)
        mate = make_delivery(b"mate")
        await queue.keep(mate, sent)
        consumer = queue.open_consumer()
        arrived = {delivery_of(r).delivery_id: r.content for r in await receive_count(consumer, 2)}
        travels = size <= _LARGEST_TRAVELLING
        assert arrived == {
            mate.delivery_id: mate,
            sent.delivery_id: sent if travels else replace(sent, body=None),
        }
        await consumer.close()

    async def test_odd_bytes_arrive_unchanged(self, queue: QueueUnderTest) -> None:
        """Body and header block are bytes: nothing decodes, trims or re-encodes them."""
        every_byte = bytes(range(256))
        sent = make_delivery(every_byte + b'{"a": "\\u0000\\ud800"}', headers=every_byte)
        await queue.keep(sent)
        consumer = queue.open_consumer()
        (receipt,) = await receive_count(consumer, 1)
        assert receipt.content == sent
        await consumer.close()

    async def test_a_delivery_sent_again_has_the_same_content(self, queue: QueueUnderTest) -> None:
        """Sending twice may deliver once or twice, but never something else."""
        sent = make_delivery(b"again")
        await queue.keep(sent)
        await queue.producer.send([sent])
        consumer = queue.open_consumer()
        (first,) = await receive_count(consumer, 1)
        assert first.content == sent
        await consumer.ack(first)
        for receipt in await consumer.receive(limit=5, wait_seconds=_QUIET_SECONDS):
            assert receipt.content == sent
            await consumer.ack(receipt)
        await consumer.close()

    async def test_sending_nothing_is_no_fault(self, queue: QueueUnderTest) -> None:
        """An empty send returns."""
        await queue.producer.send([])

    async def settle(self, consumers: Sequence[Consumer]) -> None:
        """Bring consumers to the state in which work is shared; adapters may need more."""
        for consumer in consumers:
            await assert_quiet(consumer)
