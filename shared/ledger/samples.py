"""Samples: a real request, kept so that an admin can build mappings from it.

Arming and capturing leave the webhook's version alone: its configuration stays the same.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId

_QUERIES = Queries(__package__, "samples.sql")


@dataclass(frozen=True, slots=True)
class Sample:
    """One kept request."""

    delivery_id: DeliveryId
    headers: bytes
    body: bytes
    captured_at: datetime


class Samples:
    """Arms, captures and reads samples on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def capture_armed(
        self, tenant_id: UUID | None = None, webhook_id: UUID | None = None
    ) -> None:
        """Take the samples that are waited for from the ledger; for all webhooks by default."""
        await self._connection.execute(_QUERIES["capture_armed"], tenant_id, webhook_id)

    async def arm(self, tenant_id: UUID, webhook_id: UUID, *, window_seconds: float) -> None:
        """Drop the old sample and wait for a new one."""
        await self._delete_all(tenant_id, webhook_id)
        await self._connection.execute(
            _QUERIES["arm"], tenant_id, webhook_id, float(window_seconds)
        )

    async def clear(self, tenant_id: UUID, webhook_id: UUID) -> None:
        """Drop the sample and stop waiting for one."""
        await self._delete_all(tenant_id, webhook_id)
        await self._connection.execute(_QUERIES["disarm"], tenant_id, webhook_id)

    async def find(self, tenant_id: UUID, webhook_id: UUID) -> Sample | None:
        """Return the latest sample."""
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, webhook_id)
        return None if row is None else Sample(**row)

    async def _delete_all(self, tenant_id: UUID, webhook_id: UUID) -> None:
        await self._connection.execute(_QUERIES["delete_all"], tenant_id, webhook_id)
