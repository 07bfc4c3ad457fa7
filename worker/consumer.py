"""The loop that takes deliveries from the queue and has them processed, some at a time.

It knows nothing of handlers. A delivery leaves it acknowledged, or given back to the queue.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.domain.delivery import QueuedDelivery
from shared.errors import DatabaseUnavailable, DeliveryHeld, QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.port import Consumer, PoisonRecord, Receipt
from worker import metrics
from worker.dead_letters import KeepPoison
from worker.pause import Pause

_LOGGER = get_logger(__name__)

#: Under load, how long to wait until a part of what may be in hand is free: a look for one
#: delivery costs as much as one for many.
_GATHER_SECONDS = 0.01
_GATHERED_PART = 4

#: How long one look for deliveries may wait; also how soon a stop is noticed.
_RECEIVE_SECONDS = 0.5

Process = Callable[[QueuedDelivery], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerLimits:
    """How much is in hand at a time, and how long a stop may take."""

    concurrency: int
    drain_seconds: float


class ConsumerLoop:
    """Receives, processes and acknowledges until it is told to stop."""

    def __init__(
        self,
        consumer: Consumer,
        process: Process,
        *,
        keep_poison: KeepPoison,
        limits: ConsumerLimits,
    ) -> None:
        self._consumer = consumer
        self._process = process
        self._keep_poison = keep_poison
        self._limits = limits
        self._running: set[asyncio.Task[None]] = set()
        #: So many have to be free before the next look; more than one while there is a backlog.
        self._enough = 1
        #: Set whenever the loop has reason to look again.
        self._wake = asyncio.Event()
        self._database = Pause()
        self._queue = Pause()

    @property
    def queue_fault(self) -> str | None:
        """What is wrong with the queue, as far as the last look tells."""
        return self._queue.fault

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set, then finish what runs, within the drain time.

        What is still running then is abandoned: it rolls back and comes again elsewhere.
        """
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._wake_on(stop), name="watch-stop")
            try:
                while not stop.is_set():
                    await self._turn(group)
                await self._drain()
            finally:
                watcher.cancel()
                await self._close()

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        """Wait until more may be taken, or take it."""
        self._wake.clear()
        pause = max(self._database.remaining_seconds(), self._queue.remaining_seconds())
        free = self._free()
        if pause > 0 or free < self._enough:
            await self._wait(pause or self._until_more())
            self._enough = 1
            return
        receipts = await self._receive(free)
        is_backlog = len(receipts) == free
        self._enough = max(self._limits.concurrency // _GATHERED_PART, 1) if is_backlog else 1
        for receipt in receipts:
            task = group.create_task(self._handle(receipt), name="handle-delivery")
            self._running.add(task)
            task.add_done_callback(self._forget)

    def _free(self) -> int:
        return self._allowed() - len(self._running)

    def _allowed(self) -> int:
        """Return how many may run: one alone tries out a database or a queue that was away."""
        most = self._limits.concurrency
        return min(self._database.allowed(most), self._queue.allowed(most))

    def _until_more(self) -> float | None:
        """Return after how long there may be reason to look again; None: whenever one ends."""
        if self._enough > 1:
            return _GATHER_SECONDS
        return Pause.STEP_SECONDS if self._allowed() < self._limits.concurrency else None

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _receive(self, limit: int) -> list[Receipt]:
        try:
            receipts = await self._consumer.receive(limit=limit, wait_seconds=_RECEIVE_SECONDS)
        except QueueUnavailable as error:
            self._queue_failed(error)
            return []
        self._queue.end()
        return list(receipts)

    async def _handle(self, receipt: Receipt) -> None:
        match receipt.content:
            case PoisonRecord() as poison:
                await self._finish(receipt, self._keep_poison(poison), name=poison.source)
            case QueuedDelivery() as delivery:
                name = str(delivery.delivery_id)
                with metrics.IN_FLIGHT.track_inprogress():
                    await self._finish(receipt, self._process(delivery), name=name)

    async def _finish(self, receipt: Receipt, work: Awaitable[None], *, name: str) -> None:
        try:
            await work
        except DeliveryHeld as error:
            # Whoever holds it may hang for long: the others must not wait for that.
            metrics.HELD_DELIVERIES.inc()
            _LOGGER.warning("delivery_held", delivery_id=name, error=str(error))
            self._database.end()
            await self._nack(receipt, delay_seconds=Pause.FIRST_SECONDS)
        except DatabaseUnavailable as error:
            metrics.DATABASE_ERRORS.inc()
            _LOGGER.warning("database_unavailable", delivery_id=name, error=str(error))
            await self._nack(receipt, delay_seconds=self._database.begin(str(error)))
        except Exception:
            # The border: one delivery must not end the loop, nor be lost.
            metrics.UNEXPECTED_ERRORS.inc()
            _LOGGER.exception("delivery_not_processed", delivery_id=name)
            await self._nack(receipt, delay_seconds=Pause.LONGEST_SECONDS)
        else:
            self._database.end()
            await self._ack(receipt)

    async def _ack(self, receipt: Receipt) -> None:
        try:
            await self._consumer.ack(receipt)
        except QueueUnavailable as error:
            self._queue_failed(error)

    async def _nack(self, receipt: Receipt, *, delay_seconds: float) -> None:
        try:
            await self._consumer.nack(receipt, delay_seconds=delay_seconds)
        except QueueUnavailable as error:
            self._queue_failed(error)  # it comes again when its lease is over

    def _queue_failed(self, error: QueueUnavailable) -> None:
        metrics.QUEUE_ERRORS.inc()
        delay = self._queue.begin(str(error))
        _LOGGER.warning("queue_unavailable", error=str(error), delay_seconds=delay)

    async def _drain(self) -> None:
        if not self._running:
            return
        _LOGGER.info("draining", in_flight=len(self._running))
        _, late = await asyncio.wait(self._running, timeout=self._limits.drain_seconds)
        for task in late:
            task.cancel()
        if late:
            _LOGGER.warning("drain_cut_short", abandoned=len(late))
            await asyncio.wait(late)

    async def _close(self) -> None:
        try:
            await self._consumer.close()
        except QueueUnavailable as error:
            _LOGGER.warning("queue_not_left_cleanly", error=str(error))

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._free() >= self._enough:
            self._wake.set()
