"""One connection to the ledger, kept, with every use bounded.

A pool's release costs a round trip for its reset, and a cancelled statement costs another
connection for its cancel request, which may hang as well. Here a use that overruns has its
connection cut: it fails at once, and its outcome is unknown, as it would be anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway import metrics
from shared.database.pool import DirectConnection, translated_errors
from shared.errors import DatabaseUnavailable

T = TypeVar("T")

#: Opens a connection for the loop that calls it.
Connect = Callable[[], Awaitable[DirectConnection]]


class LedgerConnection:
    """Runs one operation at a time on one connection; opens it anew after a failure."""

    def __init__(self, connect: Connect, *, name: str) -> None:
        self._connect = connect
        self._name = name
        self._lock = asyncio.Lock()
        self._connection: DirectConnection | None = None

    async def run(
        self,
        operation: Callable[[DirectConnection], Awaitable[T]],
        *,
        deadline: float,
    ) -> T:
        """Run an operation; ``deadline`` is a time of the event loop's clock.

        Raises:
            DatabaseUnavailable: It did not end in time, or the connection failed; whether it took
                effect is unknown.
        """
        try:
            with translated_errors():
                async with asyncio.timeout_at(deadline), self._lock:
                    connection = await self._open()
                    return await self._bounded(connection, operation(connection), deadline)
        except DatabaseUnavailable:
            metrics.DATABASE_ERRORS.labels(self._name).inc()
            raise

    def terminate(self) -> None:
        """Cut the connection, if there is one."""
        if self._connection is not None:
            self._connection.terminate()

    async def _open(self) -> DirectConnection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _bounded(
        self,
        connection: DirectConnection,
        running: Awaitable[T],
        deadline: float,
    ) -> T:
        # Cut just before the surrounding time-out would cancel, see the module's first lines.
        loop = asyncio.get_running_loop()
        cut = loop.call_at(deadline - 0.005, connection.terminate)
        try:
            return await running
        finally:
            cut.cancel()
