"""Dead letters: records of the queue that are no deliveries, kept with their bytes and reason."""

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import uuid7

_QUERIES = Queries(__package__, "dead_letters.sql")

#: Of a longer record the beginning is kept.
MAX_KEPT_BYTES = 1024 * 1024
_MAX_REASON = 2000


class DeadLetters:
    """Keeps dead letters, on one connection of the system role."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, source: str, reason: str, value: bytes) -> None:
        """Keep a record; one that is received again is kept again."""
        await self._connection.execute(
            _QUERIES["insert"],
            uuid7(),
            source,
            reason.replace("\0", "\\0")[:_MAX_REASON],
            value[:MAX_KEPT_BYTES],
            len(value),
        )

    async def delete_old(self, retention_days: int, *, limit: int) -> int:
        """Delete up to ``limit`` of those past the retention; return how many."""
        deleted: int = await self._connection.fetchval(
            _QUERIES["delete_old"], retention_days, limit
        )
        return deleted
