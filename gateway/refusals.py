"""Records refused requests, off the sender's path and capped, so that nobody can fill the disk."""

import asyncio
import time
from uuid import UUID

import asyncpg

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
        self._waiting: list[tuple[RefusedRow, asyncio.Future[bool] | None]] = []
        self._ready = asyncio.Event()
        self._flushing = False

    def submit(self, row: RefusedRow) -> bool:
        """Record a refusal soon; return False when the cap leaves it only counted."""
        if len(self._waiting) >= _MAX_WAITING or not self._spend(row.tenant_id, row.webhook_id):
            metrics.REFUSED_UNRECORDED.inc()
            return False
        self._waiting.append((row, None))
        self._ready.set()
        return True

    async def record(self, row: RefusedRow) -> bool:
        """Record a refusal now; return whether it was committed."""
        if len(self._waiting) >= _MAX_WAITING:
            return False
        recorded: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, recorded))
        self._ready.set()
        return await recorded

    async def run(self) -> None:
        """Write what is waiting, until cancelled."""
        while True:
            await self._ready.wait()
            await asyncio.sleep(_FLUSH_SECONDS)
            self._ready.clear()
            while self._waiting:
                rows, self._waiting = self._waiting[:_MAX_ROWS], self._waiting[_MAX_ROWS:]
                await self._flush(rows)

    @property
    def is_idle(self) -> bool:
        """Tell whether everything submitted is written or given up."""
        return not self._waiting and not self._flushing

    async def _flush(self, waiting: list[tuple[RefusedRow, asyncio.Future[bool] | None]]) -> None:
        self._flushing = True
        recorded = False
        try:
            await self._write([row for row, _ in waiting])
            recorded = True
        except (DatabaseUnavailable, asyncpg.PostgresError) as error:
            metrics.REFUSED_UNRECORDED.inc(len(waiting))
            _log.warning("refusals_unrecorded", rows=len(waiting), error=repr(error))
        finally:
            self._flushing = False
            for _, future in waiting:
                if future is not None and not future.done():
                    future.set_result(recorded)

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
