"""What changed in the store, in an order that a reader can follow without missing anything.

A reader keeps the cursor of the last event it has seen. The order is that of transaction ids, and
a page ends before the oldest transaction that still runs: every transaction below it has ended,
and none can begin there any more. So whatever commits late turns up in front of every cursor, at
the price that one open transaction holds back what came after it.

Of two events of one entity the later one has the higher ``event_number``, although a page may
bring it first: a transaction takes its id when it begins to write, and its number when it has the
entity.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId, TenantId
from shared.psa.store import Values, changes_document

_QUERIES = Queries(__package__, "events.sql")

#: Of which one statement forgets events, so that it stays short.
_TENANTS_AT_ONCE = 10


@dataclass(frozen=True, slots=True, order=True)
class EventCursor:
    """A place between two events; the first comes before all."""

    transaction_id: int = 0
    event_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one entity."""

    cursor: EventCursor
    occurred_at: datetime
    entity_type: str
    entity_id: UUID
    #: Such as ``ticket.created``.
    event_name: str
    #: Field to new value; null where it was cleared, true where the value is a JSON document.
    changes: dict[str, Any]
    delivery_id: UUID | None


class Events:
    """Reads and tells events on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(
        self,
        tenant_id: TenantId,
        entity: tuple[str, UUID],
        event_name: str,
        *,
        changes: Values,
        delivery_id: DeliveryId,
    ) -> None:
        """Tell of a change of an entity, given as type and id, in the transaction that makes it.

        Of values that are documents the event tells only that they changed.
        """
        await self._connection.execute(
            _QUERIES["insert"],
            tenant_id,
            *entity,
            event_name,
            changes_document(changes),
            delivery_id,
        )

    async def list_after(
        self, tenant_id: TenantId, cursor: EventCursor, *, limit: int
    ) -> list[Event]:
        """Return the events after a cursor that nothing can come before any more, in order."""
        rows = await self._connection.fetch(
            _QUERIES["list_after"],
            tenant_id,
            str(cursor.transaction_id),
            cursor.event_number,
            limit,
        )
        return [
            Event(
                cursor=_cursor(row),
                occurred_at=row["occurred_at"],
                entity_type=row["entity_type"],
                entity_id=row["entity_id"],
                event_name=row["event_name"],
                changes=orjson.loads(row["changes"]),
                delivery_id=row["delivery_id"],
            )
            for row in rows
        ]

    async def find_horizon(self, tenant_id: TenantId) -> EventCursor | None:
        """Return up to where a tenant's events are forgotten; None where all are there.

        Ask after reading: what is read beyond the horizon is then known to be complete.
        """
        row = await self._connection.fetchrow(_QUERIES["find_horizon"], tenant_id)
        return None if row is None else _cursor(row)

    async def delete_old(self, retention_days: int, *, limit: int) -> int:
        """Forget events past the retention, up to ``limit`` of each of some tenants.

        Returns how many; on a connection of the system role, until it returns 0.
        """
        count: int = await self._connection.fetchval(
            _QUERIES["delete_old"], retention_days, limit, _TENANTS_AT_ONCE
        )
        return count


def _cursor(row: asyncpg.Record) -> EventCursor:
    return EventCursor(int(row["transaction_id"]), row["event_number"])
