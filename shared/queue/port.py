"""The queue port: how recorded deliveries reach workers.

Both adapters keep one contract, held by ``tests/contract/queue_contract.py``:

* A delivery is in the ledger before it is sent. The queue is never the only place that knows it.
* At least once: ``receive`` may return the same delivery again (after a crash, a lost lease, a
  rebalance, an acknowledgement that did not arrive). Whoever handles it decides by the ledger
  whether it still is due.
* What was received and neither acknowledged nor released comes back when the consumer is gone.
* Deliveries that share an ordering key are received in the order in which they were sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.delivery import QueuedDelivery


@dataclass(frozen=True, slots=True)
class PoisonRecord:
    """A record that cannot be decoded, with where it stood and its bytes."""

    source: str
    reason: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """One received delivery, or a record that is none, and the adapter's handle on it."""

    content: QueuedDelivery | PoisonRecord
    #: Meaningful to the adapter alone.
    handle: object


class Producer(Protocol):
    """Makes recorded deliveries available to workers."""

    #: True where workers read the outbox itself: rows must stay, and gateways need not send.
    reads_outbox: bool

    async def send(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Send deliveries; return when every one is kept by the queue.

        Raises:
            QueueUnavailable: Unknown whether they arrived; send them again later.
        """
        ...

    async def close(self) -> None:
        """Let go of connections within a few seconds, whatever the queue's state."""
        ...


class Consumer(Protocol):
    """Takes deliveries for one worker process."""

    async def receive(self, *, limit: int, wait_seconds: float) -> Sequence[Receipt]:
        """Return up to ``limit`` deliveries, waiting up to ``wait_seconds`` for the first.

        Raises:
            QueueUnavailable: Try again later.
        """
        ...

    async def ack(self, receipt: Receipt) -> None:
        """Finish a delivery: it need not come again. Cheap; may be batched.

        Raises:
            QueueUnavailable: It may come again.
        """
        ...

    async def nack(self, receipt: Receipt, *, delay_seconds: float) -> None:
        """Release a delivery unfinished: it comes again, here or elsewhere, after the delay."""
        ...

    async def close(self) -> None:
        """Settle what was acknowledged and leave; what is unfinished comes again elsewhere."""
        ...


class Backlog(Protocol):
    """Tells how far the workers have come with what was sent."""

    async def finished_seconds_ago(self) -> float | None:
        """Return so many seconds that all sent before then is finished; None when unknown.

        Raises:
            QueueUnavailable: Try again later.
        """
        ...
