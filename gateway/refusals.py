"""Records refused requests, off the sender's path and capped, so that nobody can fill the disk."""

import asyncio
import time
from collections import deque
from typing import NamedTuple
from uuid import UUID

from gateway import metrics
from gateway.ledger_connection import LedgerConnection
from shared.database.pool import DirectConnection
from shared.errors import DatabaseUnavailable
from shared.ledger.recording import Recording, RefusedRow
from shared.observability.logging import get_logger

_log = get_logger("gateway.refusals")
_FLUSH_SECONDS = 0.05
_WRITE_SECONDS = 0.9
_MAX_ROWS = 1000
_MAX_WAITING = 10_000
#: By bytes: what one statement carries, and what waits in memory.
_MAX_STATEMENT_BYTES = 4 * 1024 * 1024
_MAX_WAITING_BYTES = 64 * 1024 * 1024


class _Waiting(NamedTuple):
    """A row to be written, and who waits for it."""

    row: RefusedRow
    recorded: asyncio.Future[bool] | None

    @property
    def size_bytes(self) -> int:
        return len(self.row.path) + len(self.row.headers) + len(self.row.body or b"")


class _Cap:
    """Token bucket: how many refusals of one webhook may still be recorded."""

    __slots__ = ("at", "tokens")

    def __init__(self, burst: float, at: float) -> None:
        self.tokens = burst
        self.at = at


class Refusals:
    """Collects refused requests and records them in the background."""

    def __init__(self, writer: LedgerConnection, *, per_minute: int, burst: int) -> None:
        self._writer = writer
        self._per_second = per_minute / 60
        self._burst = burst
        self._caps: dict[tuple[UUID, UUID | None], _Cap] = {}
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._ready = asyncio.Event()
        self._flushing = False

    def submit(self, row: RefusedRow) -> bool:
        """Record a refusal soon; return False when the cap leaves it only counted."""
        if not self._has_room or not self._spend(row.tenant_id, row.webhook_id):
            metrics.REFUSED_UNRECORDED.inc()
            return False
        self._put(_Waiting(row, None))
        return True

    async def record(self, row: RefusedRow, *, deadline: float) -> bool:
        """Record a refusal now; return whether it was committed.

        ``deadline`` is a time of the event loop's clock; false then means unknown.
        """
        if not self._has_room:
            return False
        recorded: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._put(_Waiting(row, recorded))
        try:
            async with asyncio.timeout_at(deadline):
                return await recorded
        except TimeoutError:
            return False

    async def run(self) -> None:
        """Write what is waiting, until cancelled."""
        while True:
            await self._ready.wait()
            await asyncio.sleep(_FLUSH_SECONDS)
            self._ready.clear()
            while self._waiting:
                self._flushing = True
                try:
                    await self._flush(self._take())
                finally:
                    self._flushing = False

    @property
    def is_idle(self) -> bool:
        """Tell whether everything submitted is written or given up."""
        return not self._waiting and not self._flushing

    @property
    def _has_room(self) -> bool:
        return len(self._waiting) < _MAX_WAITING and self._waiting_bytes < _MAX_WAITING_BYTES

    def _put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._waiting_bytes += waiting.size_bytes
        self._ready.set()

    def _take(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        size_bytes = 0
        while self._waiting and len(taken) < _MAX_ROWS and size_bytes < _MAX_STATEMENT_BYTES:
            taken.append(self._waiting.popleft())
            size_bytes += taken[-1].size_bytes
        self._waiting_bytes -= size_bytes
        return taken

    async def _flush(self, taken: list[_Waiting]) -> None:
        recorded = False
        try:
            await self._write([waiting.row for waiting in taken])
            recorded = True
        except DatabaseUnavailable as error:
            metrics.REFUSED_UNRECORDED.inc(len(taken))
            _log.warning("refusals_unrecorded", rows=len(taken), error=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a row brings, the loop goes on
            await self._flush_apart(taken, error)
        finally:
            for _, future in taken:
                if future is not None and not future.done():
                    future.set_result(recorded)

    async def _flush_apart(self, taken: list[_Waiting], error: Exception) -> None:
        """Write one by one what could not be written together."""
        if len(taken) > 1:
            for waiting in taken:
                await self._flush([waiting])
            return
        metrics.REFUSED_UNRECORDED.inc()
        _log.error("refusal_unrecorded", delivery=str(taken[0].row.delivery_id), error=repr(error))

    async def _write(self, rows: list[RefusedRow]) -> None:
        async def operation(connection: DirectConnection) -> None:
            await Recording(connection).record_refused(rows)

        deadline = asyncio.get_running_loop().time() + _WRITE_SECONDS
        await self._writer.run(operation, deadline=deadline)

    def _spend(self, tenant_id: UUID, webhook_id: UUID | None) -> bool:
        now = time.monotonic()
        cap = self._caps.get((tenant_id, webhook_id))
        if cap is None:
            cap = self._caps[tenant_id, webhook_id] = _Cap(self._burst, now)
        cap.tokens = min(cap.tokens + (now - cap.at) * self._per_second, self._burst)
        cap.at = now
        if cap.tokens < 1:
            return False
        cap.tokens -= 1
        return True
