"""Upkeep of the ledger: partitions ahead of need, and the end of what has had its time."""

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "housekeeping.sql")


class Housekeeping:
    """Keeps the ledger in shape, on one connection of the system role."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create_partitions(self, days_ahead: int) -> int:
        """Create day partitions up to ``days_ahead``; return how many were new."""
        return await self._count("create_partitions", days_ahead)

    async def drop_partitions(self, retention_days: int) -> int:
        """Drop the partitions of days older than the retention; return how many."""
        return await self._count("drop_partitions", retention_days)

    async def delete_old_attempts(self, retention_days: int, *, limit: int) -> int:
        """Delete up to ``limit`` attempts of dropped deliveries; return how many."""
        return await self._count("delete_old_attempts", retention_days, limit)

    async def release_orphaned_places(self, retention_days: int, *, limit: int) -> int:
        """Take up to ``limit`` dropped deliveries out of their order; return how many."""
        return await self._count("release_orphaned_places", retention_days, limit)

    async def delete_expired_requests(self, *, limit: int) -> int:
        """Delete up to ``limit`` kept answers of the control API past their time."""
        return await self._count("delete_expired_requests", limit)

    async def delete_expired_keys(self, *, limit: int) -> int:
        """Delete up to ``limit`` idempotency keys past their window; return how many."""
        return await self._count("delete_expired_keys", limit)

    async def _count(self, query: str, *arguments: int) -> int:
        count: int = await self._connection.fetchval(_QUERIES[query], *arguments)
        return count
