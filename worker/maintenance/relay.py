"""The relay: sends what waits in the outbox to the queue, where workers do not read the outbox.

It serves retries that are due, replays, and what gateways could not publish. Any number of relays
may run at once. One that dies between send and delete has its rows sent again after their lease.
"""

import asyncio
from collections.abc import Sequence

from prometheus_client import Counter

from shared.domain.delivery import QueuedDelivery
from shared.errors import QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.port import Consumer, Producer, Receipt
from worker.pausing import sleep_until

_LOGGER = get_logger(__name__)

RELAYED = Counter("postern_worker_relayed", "Outbox rows sent to the queue by the relay.")
RELAY_ERRORS = Counter("postern_worker_relay_errors", "Failures of the relay, of either side.")

#: With bodies of 256 KiB each, the largest that travel, a batch takes 125 MiB.
_BATCH = 500
_IDLE_SECONDS = 0.1
_PAUSE_SECONDS = 1.0


class Relay:
    """Moves due deliveries from the outbox, read as a queue, to the queue that workers read."""

    name = "relay"

    def __init__(self, outbox: Consumer, queue: Producer) -> None:
        self._outbox = outbox
        self._queue = queue
        #: What is wrong with either side as far as the last move tells; None when both are well.
        self.fault: str | None = None
        #: Whether the queue took nothing the last time that it was offered something.
        self._is_refused = False

    async def run(self, stop: asyncio.Event) -> None:
        """Move deliveries until ``stop`` is set, then let go of both sides."""
        try:
            while not stop.is_set():
                await sleep_until(stop, await self._turn())
        finally:
            await self._close()

    async def move(self) -> int:
        """Send one batch of due deliveries; return how many.

        Raises:
            QueueUnavailable: Of either side. The rows stay, and are due again in a moment.
        """
        # While the queue does not take anything, a single row tries it out: what is given back
        # loses its place in what is due, by which the reconciler tells what is yet to be sent.
        limit = 1 if self._is_refused else _BATCH
        receipts = await self._outbox.receive(limit=limit, wait_seconds=0)
        if receipts:
            await self._send(receipts)
        self.fault = None
        return len(receipts)

    async def _send(self, receipts: Sequence[Receipt]) -> None:
        try:
            await self._queue.send(
                [
                    receipt.content
                    for receipt in receipts
                    if isinstance(receipt.content, QueuedDelivery)
                ]
            )
        except QueueUnavailable:
            self._is_refused = True
            for receipt in receipts:
                await self._outbox.nack(receipt, delay_seconds=_PAUSE_SECONDS)
            raise
        self._is_refused = False
        for receipt in receipts:
            await self._outbox.ack(receipt)
        RELAYED.inc(len(receipts))

    async def _turn(self) -> float:
        """Move a batch; return how long to wait before the next."""
        try:
            return 0.0 if await self.move() else _IDLE_SECONDS
        except QueueUnavailable as error:
            RELAY_ERRORS.inc()
            self.fault = str(error)
            _LOGGER.warning("relay_failed", error=self.fault)
            return _PAUSE_SECONDS

    async def _close(self) -> None:
        await self._queue.close()
        try:
            await self._outbox.close()
        except QueueUnavailable as error:
            _LOGGER.warning("relay_not_left_cleanly", error=str(error))
