"""The handlers that webhooks have had, each from some version on; a trigger keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "webhook_handlers.sql")


@dataclass(frozen=True, slots=True)
class KeptHandler:
    """What a webhook did with deliveries from a version on."""

    since_version: int
    handler_type: str
    handler_config: Mapping[str, Any]


class WebhookHandlers:
    """Reads and forgets them, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, tenant_id: UUID, webhook_id: UUID, version: int) -> KeptHandler | None:
        """Return the handler that a webhook had with a version; None where it is not known."""
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, webhook_id, version)
        if row is None:
            return None
        return KeptHandler(
            row["since_version"], row["handler_type"], orjson.loads(row["handler_config"])
        )

    async def delete_old(self, retention_days: int, *, limit: int) -> int:
        """Delete up to ``limit`` that handled no delivery which is still kept; return how many."""
        count: int = await self._connection.fetchval(_QUERIES["delete_old"], retention_days, limit)
        return count
