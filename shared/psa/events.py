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

import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId, TenantId
from shared.psa.store import Values, changes_document

_QUERIES = Queries(__package__, "events.sql")


@dataclass(frozen=True, slots=True)
class EventCursor:
    """A place between two events."""

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
                cursor=EventCursor(int(row["transaction_id"]), row["event_number"]),
                occurred_at=row["occurred_at"],
                entity_type=row["entity_type"],
                entity_id=row["entity_id"],
                event_name=row["event_name"],
                changes=orjson.loads(row["changes"]),
                delivery_id=row["delivery_id"],
            )
            for row in rows
        ]
