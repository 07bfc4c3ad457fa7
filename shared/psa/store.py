"""What the repositories of the PSA store share: whose rows they write, and how values travel.

Values travel as one JSON text and become a row inside the statement (``json_populate_record``),
so that a statement can change exactly the columns that are named there. Every write leaves an
event in the same statement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import orjson

from shared.database.pool import Connection
from shared.domain.identifiers import DeliveryId, TenantId

#: Column to value.
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Store:
    """The store as one delivery sees it, on the delivery's own transaction."""

    connection: Connection
    tenant_id: TenantId
    delivery_id: DeliveryId

    async def find(self, query: LiteralString, *arguments: object) -> Values | None:
        """Return the one row of a query of this tenant."""
        row = await self.connection.fetchrow(query, self.tenant_id, *arguments)
        return None if row is None else dict(row)

    async def write(
        self, query: LiteralString, entity_id: UUID, values: Values, *, event_name: str
    ) -> Values:
        """Write values to an entity and tell of them; return what the statement returns.

        Every such query has the parameters tenant_id, entity_id, values, event_name, changes and
        delivery_id, in this order.
        """
        row = await self.connection.fetchrow(
            query,
            self.tenant_id,
            entity_id,
            # The driver's ids are of a type of their own, which orjson hands over.
            orjson.dumps(values, default=str).decode(),
            event_name,
            changes_document(values),
            self.delivery_id,
        )
        return dict(row or {})


def changes_document(values: Values) -> str:
    """Return what an event tells of values: they themselves, of documents only that they changed.

    A document may be a megabyte; whoever needs it reads the entity.
    """
    told = {
        name: True if isinstance(value, dict | list) else value
        for name, value in values.items()
        if value is not None
    }
    cleared = dict.fromkeys(values.keys() - told.keys())
    return orjson.dumps({**told, **cleared}, default=str, option=orjson.OPT_SORT_KEYS).decode()
