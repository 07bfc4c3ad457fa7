"""Micro-batching writer: many requests, one statement, one commit.

Requests that arrive while the writers are busy share the next batch, so batches grow with load and
an idle gateway waits for nothing. All requests of a batch wait on one future and one timer.
"""

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg

from gateway import metrics
from gateway.ledger_connection import LedgerConnection
from shared.database.pool import DirectConnection
from shared.errors import DatabaseUnavailable
from shared.ledger.recording import AcceptedRow, Recording
from shared.observability.logging import get_logger

_log = get_logger("gateway.recorder")
_RETRY_SECONDS = 0.02
#: Large bodies go in batches of their own: others must not miss their deadline because of them.
_MAX_BATCH_BYTES = 1024 * 1024

#: Told of deliveries that were committed, to publish them.
Committed = Callable[[Sequence[AcceptedRow]], None]


class Batch:
    """Requests that are recorded together, and what became of them."""

    __slots__ = (
        "body_bytes",
        "deadline",
        "done",
        "duplicate_of",
        "rows",
        "timer",
        "unrecorded",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        self.rows: list[AcceptedRow] = []
        self.body_bytes = 0
        self.deadline = deadline
        self.done: asyncio.Future[None] = loop.create_future()
        #: For each duplicate, the first delivery.
        self.duplicate_of: dict[UUID, UUID] = {}
        #: Rows without a commit; all of them until there is one.
        self.unrecorded: frozenset[UUID] | None = None
        self.timer = loop.call_at(deadline, self.finish)

    def has_room(self, max_rows: int) -> bool:
        """Tell whether one more request may join: few, small in sum, and not answered yet."""
        return (
            len(self.rows) < max_rows
            and self.body_bytes < _MAX_BATCH_BYTES
            and not self.done.done()
        )

    def bring_forward(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Answer earlier than planned: a request that was held up joins."""
        self.deadline = deadline
        self.timer.cancel()
        self.timer = loop.call_at(deadline, self.finish)

    def finish(self) -> None:
        """Let the requests answer; those without a commit answer 503."""
        self.timer.cancel()
        if not self.done.done():
            self.done.set_result(None)

    def is_recorded(self, delivery_id: UUID) -> bool:
        """Tell whether a row was committed."""
        return self.unrecorded is not None and delivery_id not in self.unrecorded


class Recorder:
    """Collects accepted requests and records them."""

    def __init__(
        self,
        writers: Sequence[LedgerConnection],
        committed: Committed,
        *,
        outbox_delay_seconds: float,
        max_batch_rows: int,
    ) -> None:
        self._writers = writers
        self._committed = committed
        self._outbox_delay_seconds = outbox_delay_seconds
        self._max_batch_rows = max_batch_rows
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Batch] = deque()
        self._ready = asyncio.Event()
        self._busy = 0

    def submit(self, row: AcceptedRow, *, deadline: float) -> Batch:
        """Put a request into the batch that is filling; await its ``done``.

        ``done`` comes by ``deadline`` (of the event loop's clock), with a commit or without.
        """
        batch = self._queue[-1] if self._queue else None
        if batch is None or not batch.has_room(self._max_batch_rows):
            batch = Batch(self._loop, deadline)
            self._queue.append(batch)
            self._ready.set()
        if deadline < batch.deadline:
            batch.bring_forward(self._loop, deadline)
        batch.rows.append(row)
        batch.body_bytes += len(row.body)
        return batch

    async def run(self) -> None:
        """Write batches until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number, writer in enumerate(self._writers):
                group.create_task(self._write_batches(writer), name=f"writer-{number}")

    @property
    def is_idle(self) -> bool:
        """Tell whether every submitted request has its answer."""
        return not self._queue and not self._busy

    async def _write_batches(self, writer: LedgerConnection) -> None:
        while True:
            while not self._queue:
                self._ready.clear()
                await self._ready.wait()
            self._busy += 1
            try:
                await self._write(writer, self._queue.popleft())
            finally:
                self._busy -= 1

    async def _write(self, writer: LedgerConnection, batch: Batch) -> None:
        metrics.BATCH_ROWS.observe(len(batch.rows))
        try:
            await self._record(writer, batch, batch.rows)
            batch.unrecorded = frozenset()
        except DatabaseUnavailable as error:
            metrics.DATABASE_UP.set(0)
            _log.warning("batch_unrecorded", rows=len(batch.rows), error=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a row brings, the loop goes on
            # A row that PostgreSQL or the driver refuses must not fail those that came with it.
            _log.error("batch_refused", rows=len(batch.rows), error=type(error).__name__)
            batch.unrecorded = await self._record_singly(writer, batch)
        finally:
            batch.finish()

    async def _record_singly(self, writer: LedgerConnection, batch: Batch) -> frozenset[UUID]:
        refused = set()
        for row in batch.rows:
            try:
                await self._record_one(writer, batch, row)
            except Exception as error:  # noqa: BLE001 - likewise
                _log.exception("row_refused", delivery=str(row.delivery_id), error=repr(error))
                refused.add(row.delivery_id)
        return frozenset(refused)

    async def _record_one(self, writer: LedgerConnection, batch: Batch, row: AcceptedRow) -> None:
        """Record a row of a batch that failed: some of its rows may be recorded already."""
        recorded = functools.partial(self._record_again, [row])
        self._take_over(batch, [row], await writer.run(recorded, deadline=batch.deadline))

    async def _record(
        self, writer: LedgerConnection, batch: Batch, rows: Sequence[AcceptedRow]
    ) -> None:
        """Record rows, again and again until the deadline while the ledger is away."""
        recorded = functools.partial(self._record_once, rows)
        try:
            duplicates = await writer.run(recorded, deadline=batch.deadline)
        except DatabaseUnavailable:
            duplicates = await self._insist(writer, rows, batch.deadline)
        self._take_over(batch, rows, duplicates)

    def _take_over(
        self, batch: Batch, rows: Sequence[AcceptedRow], duplicates: dict[UUID, UUID]
    ) -> None:
        metrics.DATABASE_UP.set(1)
        batch.duplicate_of.update(duplicates)
        self._committed([row for row in rows if row.delivery_id not in duplicates])

    async def _record_once(
        self, rows: Sequence[AcceptedRow], connection: DirectConnection
    ) -> dict[UUID, UUID]:
        return await Recording(connection).record_accepted(
            rows, outbox_delay_seconds=self._outbox_delay_seconds
        )

    async def _record_again(
        self, rows: Sequence[AcceptedRow], connection: DirectConnection
    ) -> dict[UUID, UUID]:
        return await Recording(connection).record_again(
            rows, outbox_delay_seconds=self._outbox_delay_seconds
        )

    async def _insist(
        self, writer: LedgerConnection, rows: Sequence[AcceptedRow], deadline: float
    ) -> dict[UUID, UUID]:
        """Record rows whose recording had an unknown outcome; it may even be going on still."""
        recorded = functools.partial(self._record_again, rows)
        while True:
            if self._loop.time() + _RETRY_SECONDS >= deadline:
                raise DatabaseUnavailable("not recorded by the deadline")
            await asyncio.sleep(_RETRY_SECONDS)
            with contextlib.suppress(DatabaseUnavailable, asyncpg.UniqueViolationError):
                return await writer.run(recorded, deadline=deadline)
