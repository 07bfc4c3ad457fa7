"""The outbox as gateways clear it: rows stay until the queue has taken their delivery over."""

from collections.abc import Sequence
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "outbox.sql")


class Outbox:
    """Works on outbox rows over one connection of the system role."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def delete_published(self, published: Sequence[tuple[UUID, UUID, int]]) -> None:
        """Delete the rows of (tenant, delivery, attempt) triples; those already gone are no fault.

        The attempt must match: a worker may meanwhile have written the row anew for a retry.
        """
        if not published:
            return
        tenant_ids, delivery_ids, attempts = zip(*published, strict=True)
        await self._connection.execute(
            _QUERIES["delete_published"], tenant_ids, delivery_ids, attempts
        )
