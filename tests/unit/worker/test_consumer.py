"""The consumer loop over a queue in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId
from shared.errors import DatabaseUnavailable, DeliveryHeld, QueueUnavailable
from shared.queue.port import PoisonRecord, Receipt
from worker.consumer import ConsumerLimits, ConsumerLoop
from worker.dead_letters import KeepPoison
from worker.pause import Pause

_ZERO = UUID(int=0)


def _receipt(number: int) -> Receipt:
    delivery = QueuedDelivery(
        tenant_id=TenantId(_ZERO),
        webhook_id=WebhookId(_ZERO),
        delivery_id=DeliveryId(UUID(int=number)),
        attempt=0,
        received_at=datetime.fromtimestamp(0, UTC),
        headers=b"",
        body=b"{}",
    )
    return Receipt(delivery, number)


class _MemoryConsumer:
    """Gives what it is given; notes what comes back."""

    def __init__(self, *receipts: Receipt) -> None:
        self.waiting = list(receipts)
        self.acked: list[object] = []
        self.nacked: list[tuple[object, float]] = []
        self.limits: list[int] = []
        self.faults: list[Exception] = []
        self.is_closed = False
        self._settled = asyncio.Event()

    async def receive(self, *, limit: int, wait_seconds: float) -> Sequence[Receipt]:
        """Return what waits; where nothing does, let others run."""
        self.limits.append(limit)
        if self.faults:
            raise self.faults.pop()
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        if not taken:
            await asyncio.sleep(min(wait_seconds, 0))
        return taken

    async def ack(self, receipt: Receipt) -> None:
        """Note it."""
        self.acked.append(receipt.handle)
        self._settled.set()

    async def nack(self, receipt: Receipt, *, delay_seconds: float) -> None:
        """Note it."""
        self.nacked.append((receipt.handle, delay_seconds))
        self._settled.set()

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True

    async def settled(self, count: int) -> None:
        """Wait until so many have come back."""
        async with asyncio.timeout(5):
            while len(self.acked) + len(self.nacked) < count:
                self._settled.clear()
                await self._settled.wait()


async def _refuse_poison(poison: PoisonRecord) -> None:
    raise AssertionError(poison)


@asynccontextmanager
async def _running(
    consumer: _MemoryConsumer,
    process: Callable[[QueuedDelivery], Awaitable[None]],
    *,
    concurrency: int = 4,
    drain_seconds: float = 5.0,
    keep_poison: KeepPoison = _refuse_poison,
) -> AsyncIterator[ConsumerLoop]:
    limits = ConsumerLimits(concurrency=concurrency, drain_seconds=drain_seconds)
    loop = ConsumerLoop(consumer, process, keep_poison=keep_poison, limits=limits)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(loop.run(stop))
        try:
            yield loop
        finally:
            stop.set()


async def _turns(count: int) -> None:
    """Let the event loop turn so often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def _succeed(_: QueuedDelivery) -> None:
    return


async def test_processed_deliveries_are_acknowledged() -> None:
    """Each is acknowledged once, and the queue is left at the end."""
    consumer = _MemoryConsumer(*map(_receipt, range(10)))
    async with _running(consumer, _succeed):
        await consumer.settled(10)
    assert sorted(map(int, map(str, consumer.acked))) == list(range(10))
    assert consumer.nacked == []
    assert consumer.is_closed


async def test_no_more_run_than_the_limit_allows() -> None:
    """Asks for as many as there are free places, and waits while there are none."""
    running, most = 0, 0
    gate = asyncio.Event()

    async def process(_: QueuedDelivery) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if most == 3:
            gate.set()
        await gate.wait()
        running -= 1

    consumer = _MemoryConsumer(*map(_receipt, range(12)))
    async with _running(consumer, process, concurrency=3):
        await consumer.settled(12)
    assert most == 3
    assert max(consumer.limits) == 3


async def test_delivery_comes_again_when_the_database_is_away() -> None:
    """It is given back with a delay, not acknowledged, and the intake pauses."""

    async def process(_: QueuedDelivery) -> None:
        raise DatabaseUnavailable("gone")

    consumer = _MemoryConsumer(_receipt(1), _receipt(2))
    async with _running(consumer, process):
        await consumer.settled(2)
        looks = len(consumer.limits)
        consumer.waiting.append(_receipt(3))
        await _turns(100)
        assert len(consumer.limits) <= looks + 1
    assert consumer.acked == []
    assert consumer.nacked == [(1, Pause.FIRST_SECONDS), (2, Pause.FIRST_SECONDS)]
    assert consumer.waiting != []


async def test_delivery_held_elsewhere_stops_no_other() -> None:
    """It is given back with a delay, and the intake goes on as before."""

    async def process(delivery: QueuedDelivery) -> None:
        if delivery.delivery_id.int == 1:
            raise DeliveryHeld("lock timeout")

    consumer = _MemoryConsumer(_receipt(1))
    async with _running(consumer, process, concurrency=3):
        await consumer.settled(1)
        consumer.waiting.extend([_receipt(2), _receipt(3)])
        await consumer.settled(3)
    assert consumer.nacked == [(1, Pause.FIRST_SECONDS)]
    assert consumer.acked == [2, 3]
    assert max(consumer.limits) == 3


async def test_error_that_nobody_foresaw_does_not_end_the_loop() -> None:
    """The delivery is given back and the next one is processed."""

    async def process(delivery: QueuedDelivery) -> None:
        if delivery.delivery_id.int == 1:
            raise ZeroDivisionError

    consumer = _MemoryConsumer(_receipt(1), _receipt(2))
    async with _running(consumer, process, concurrency=1):
        await consumer.settled(2)
    assert consumer.nacked == [(1, Pause.LONGEST_SECONDS)]
    assert consumer.acked == [2]


async def test_poison_record_is_kept_and_not_processed() -> None:
    """What is no delivery is kept, and does not stop those behind it."""
    kept: list[str] = []

    async def keep_poison(poison: PoisonRecord) -> None:
        kept.append(poison.source)

    poison = Receipt(PoisonRecord("topic/0/7", "no JSON", b"\xff" * 5000), 7)
    consumer = _MemoryConsumer(poison, _receipt(8))
    seen: list[int] = []

    async def process(delivery: QueuedDelivery) -> None:
        seen.append(delivery.delivery_id.int)

    async with _running(consumer, process, concurrency=1, keep_poison=keep_poison):
        await consumer.settled(2)
    assert consumer.acked == [7, 8]
    assert seen == [8]
    assert kept == ["topic/0/7"]


async def test_poison_record_that_cannot_be_kept_comes_again() -> None:
    """Without its ledger a worker lets go of no record."""

    async def keep_poison(_: PoisonRecord) -> None:
        raise DatabaseUnavailable("away")

    consumer = _MemoryConsumer(Receipt(PoisonRecord("topic/0/7", "no JSON", b""), 7))
    async with _running(consumer, _never, keep_poison=keep_poison):
        await consumer.settled(1)
    assert consumer.acked == []
    assert [offset for offset, _ in consumer.nacked] == [7]


async def _never(delivery: QueuedDelivery) -> None:
    raise AssertionError(delivery)


async def test_outage_of_the_queue_shows_and_passes() -> None:
    """The fault can be asked for while it lasts; the loop pauses meanwhile."""
    consumer = _MemoryConsumer()
    consumer.faults.append(QueueUnavailable("no broker"))
    async with _running(consumer, _succeed) as loop:
        async with asyncio.timeout(5):
            while loop.queue_fault is None:
                await _turns(1)
        assert loop.queue_fault == "no broker"
    assert len(consumer.limits) == 1


async def test_stop_lets_running_deliveries_finish() -> None:
    """What runs at a stop is finished and acknowledged; nothing more is taken."""
    started, gate = asyncio.Event(), asyncio.Event()

    async def process(_: QueuedDelivery) -> None:
        started.set()
        await gate.wait()

    consumer = _MemoryConsumer(_receipt(1), _receipt(2))
    async with _running(consumer, process, concurrency=1):
        await started.wait()
        asyncio.get_running_loop().call_later(0.02, gate.set)
    assert consumer.acked == [1]
    assert consumer.waiting == [_receipt(2)]
    assert consumer.is_closed


async def test_stop_abandons_what_takes_too_long() -> None:
    """A delivery that outlasts the drain is cancelled, neither acknowledged nor lost."""
    started = asyncio.Event()

    async def process(_: QueuedDelivery) -> None:
        started.set()
        await asyncio.Event().wait()

    consumer = _MemoryConsumer(_receipt(1))
    async with asyncio.timeout(5):
        async with _running(consumer, process, drain_seconds=0.02):
            await started.wait()
    assert (consumer.acked, consumer.nacked) == ([], [])
    assert consumer.is_closed


async def test_failing_acknowledgement_does_not_end_the_loop() -> None:
    """The delivery may come again; the ledger then knows that it is done."""

    class Consumer(_MemoryConsumer):
        async def ack(self, receipt: Receipt) -> None:
            await super().ack(receipt)
            raise QueueUnavailable("no broker")

    consumer = Consumer(_receipt(1))
    async with _running(consumer, _succeed):
        await consumer.settled(1)
    assert consumer.is_closed
