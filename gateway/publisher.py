"""Publishes after commit and clears the outbox in batches; the response never waits for it.

Whatever cannot be published stays in the outbox, where a worker's relay finds it once its grace
has passed. So this loop may give up at any time and loses nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from gateway import metrics
from gateway.ledger_connection import LedgerConnection
from shared.database.pool import DirectConnection
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.ledger.outbox import Outbox
from shared.ledger.recording import AcceptedRow
from shared.observability.logging import get_logger
from shared.queue.port import Producer

_log = get_logger("gateway.publisher")
#: Time to gather more before a send: one request to the broker then carries many deliveries. What
#: comes while one is on its way shares the next. Under load a longer wait makes fewer, larger
#: sends, and costs less of what it delays.
_LINGER_SECONDS = 0.005
_BUSY_LINGER_SECONDS = 0.025
#: From so many deliveries a second on. Their number in one send tells nothing: it grows with the
#: time that the broker takes, and lingering because of that would keep it large.
_BUSY_PER_SECOND = 1000.0
_CLEAR_SECONDS = 0.25
_CLEAR_TIMEOUT_SECONDS = 2.0
_MAX_WAITING = 20_000
#: A send may hang for seconds: large bodies must not fill the memory meanwhile.
_MAX_WAITING_BYTES = 64 * 1024 * 1024
_PAUSE_AFTER_FAILURE_SECONDS = 1.0


class Publisher:
    """Sends what the recorder has committed."""

    def __init__(self, producer: Producer, ledger: LedgerConnection) -> None:
        self._producer = producer
        self._ledger = ledger
        self._waiting: list[AcceptedRow] = []
        self._waiting_bytes = 0
        self._published: list[tuple[UUID, UUID, int]] = []
        self._ready = asyncio.Event()
        self._sending = False
        self._paused_until = 0.0
        #: What is wrong with the queue, for /readyz; None when it is well.
        self.fault: str | None = None

    def committed(self, rows: Sequence[AcceptedRow]) -> None:
        """Take deliveries that were committed; drop them to the relay while Kafka is away."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._paused_until or not self._has_room:
            metrics.LEFT_TO_RELAY.inc(len(rows))
            return
        self._waiting.extend(rows)
        self._waiting_bytes += sum([len(row.body) for row in rows])
        self._ready.set()

    async def run(self) -> None:
        """Publish and clear until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_loop(), name="publish")
            group.create_task(self._clear_loop(), name="clear-outbox")

    @property
    def is_idle(self) -> bool:
        """Tell whether everything committed is published and cleared, or left to the relay."""
        return not (self._waiting or self._sending or self._published)

    @property
    def _has_room(self) -> bool:
        return len(self._waiting) < _MAX_WAITING and self._waiting_bytes < _MAX_WAITING_BYTES

    async def _publish_loop(self) -> None:
        loop = asyncio.get_running_loop()
        linger_seconds = _LINGER_SECONDS
        taken_at = loop.time()
        while True:
            await self._ready.wait()
            await asyncio.sleep(linger_seconds)
            self._ready.clear()
            rows, self._waiting, self._waiting_bytes = self._waiting, [], 0
            now = loop.time()
            is_busy = len(rows) > (now - taken_at) * _BUSY_PER_SECOND
            linger_seconds = _BUSY_LINGER_SECONDS if is_busy else _LINGER_SECONDS
            taken_at = now
            await self._publish(rows)

    async def _publish(self, rows: Sequence[AcceptedRow]) -> None:
        self._sending = True
        try:
            await self._producer.send([_queued(row) for row in rows])
        except QueueUnavailable as error:
            self._leave_to_relay(rows, error)
            _log.warning("publish_failed", deliveries=len(rows), error=str(error))
        except Exception as error:  # noqa: BLE001 - accepting goes on without a queue
            self._leave_to_relay(rows, error)
            _log.exception("publish_failed", deliveries=len(rows), error=repr(error))
        else:
            self.fault = None
            metrics.PUBLISHED.inc(len(rows))
            self._published.extend((row.origin.tenant_id, row.delivery_id, 0) for row in rows)
        finally:
            self._sending = False

    def _leave_to_relay(self, rows: Sequence[AcceptedRow], error: Exception) -> None:
        metrics.LEFT_TO_RELAY.inc(len(rows))
        self.fault = str(error)
        self._paused_until = asyncio.get_running_loop().time() + _PAUSE_AFTER_FAILURE_SECONDS

    async def _clear_loop(self) -> None:
        while True:
            await asyncio.sleep(_CLEAR_SECONDS)
            await self._clear()

    async def _clear(self) -> None:
        """Delete the outbox rows of published deliveries; what fails stays for the relay.

        A delivery that the relay publishes again is recognised by the worker.
        """
        published, self._published = self._published, []
        if not published:
            return

        async def operation(connection: DirectConnection) -> None:
            await Outbox(connection).delete_published(published)

        deadline = asyncio.get_running_loop().time() + _CLEAR_TIMEOUT_SECONDS
        try:
            await self._ledger.run(operation, deadline=deadline)
        except DatabaseUnavailable as error:
            _log.warning("outbox_uncleared", deliveries=len(published), error=str(error))
        except Exception as error:  # noqa: BLE001 - likewise
            _log.exception("outbox_uncleared", deliveries=len(published), error=repr(error))


def _queued(row: AcceptedRow) -> QueuedDelivery:
    origin = row.origin
    return QueuedDelivery(
        tenant_id=TenantId(origin.tenant_id),
        webhook_id=WebhookId(origin.webhook_id),
        delivery_id=DeliveryId(row.delivery_id),
        attempt=0,
        received_at=datetime.fromtimestamp(row.received_ms / 1000, UTC),
        headers=row.headers,
        body=row.body,
        idempotency_key=row.idempotency_key,
        ordering_key=row.ordering_key,
    )
