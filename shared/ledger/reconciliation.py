"""Deliveries that are neither finished nor queued: found and queued again."""

from typing import NamedTuple
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "reconciliation.sql")


class Reconciled(NamedTuple):
    """What one look came to."""

    #: Where the next look goes on; None when there was nothing to look at.
    last_id: UUID | None
    examined_count: int
    queued_count: int


class Reconciliation:
    """Works on one connection of the system role. Any number may at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def due_seconds(self) -> float:
        """Return how long the first due outbox row has been waiting to be sent; 0 if none is."""
        seconds: float | None = await self._connection.fetchval(_QUERIES["due_seconds"])
        return seconds or 0.0

    async def requeue_lost(
        self, *, after: UUID, untouched_seconds: float, limit: int
    ) -> Reconciled:
        """Look at up to ``limit`` unfinished deliveries, and queue again those that are lost."""
        row = await self._connection.fetchrow(
            _QUERIES["requeue_lost"], after, untouched_seconds, limit
        )
        if row is None:
            raise AssertionError("an aggregate has a row")
        return Reconciled(*row)
