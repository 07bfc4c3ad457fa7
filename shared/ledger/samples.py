"""Samples: real requests, kept so that an admin can build mappings from them.

Arming and capturing leave the webhook's version alone: its configuration stays the same.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId
from shared.errors import Conflict, NotFound

_QUERIES = Queries(__package__, "samples.sql")


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """One kept request without its contents."""

    sample_id: UUID
    #: None: the one that the next capture without a name replaces.
    name: str | None
    delivery_id: DeliveryId
    captured_at: datetime
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One kept request."""

    sample_id: UUID
    name: str | None
    delivery_id: DeliveryId
    headers: bytes
    body: bytes
    captured_at: datetime


class Samples:
    """Arms, captures, reads and changes samples on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def capture_armed(
        self, tenant_id: UUID | None = None, webhook_id: UUID | None = None
    ) -> None:
        """Take the samples that are waited for from the ledger; for all webhooks by default."""
        await self._connection.execute(_QUERIES["capture_armed"], tenant_id, webhook_id)

    async def arm(
        self, tenant_id: UUID, webhook_id: UUID, *, window_seconds: float, name: str | None = None
    ) -> None:
        """Wait for a sample; it takes the place of the one of that name when it comes.

        The one without a name goes at once where another without a name is waited for.
        """
        if name is None:
            await self._delete_unnamed(tenant_id, webhook_id)
        await self._connection.execute(
            _QUERIES["arm"], tenant_id, webhook_id, float(window_seconds), name
        )

    async def disarm(self, tenant_id: UUID, webhook_id: UUID) -> None:
        """Drop the sample without a name and stop waiting for one."""
        await self._delete_unnamed(tenant_id, webhook_id)
        await self._disarm(tenant_id, webhook_id)

    async def clear(self, tenant_id: UUID, webhook_id: UUID) -> None:
        """Drop every sample and stop waiting for one."""
        await self._connection.execute(_QUERIES["delete_all"], tenant_id, webhook_id)
        await self._disarm(tenant_id, webhook_id)

    async def list_all(self, tenant_id: UUID, webhook_id: UUID) -> list[SampleSummary]:
        """Return a webhook's samples: the one without a name first, then by name."""
        rows = await self._connection.fetch(_QUERIES["list_all"], tenant_id, webhook_id)
        return [SampleSummary(**row) for row in rows]

    async def find_latest(self, tenant_id: UUID, webhook_id: UUID) -> Sample | None:
        """Return the sample that was captured last."""
        row = await self._connection.fetchrow(_QUERIES["find_latest"], tenant_id, webhook_id)
        return None if row is None else Sample(**row)

    async def get(self, tenant_id: UUID, webhook_id: UUID, sample_id: UUID) -> Sample:
        """Return a sample.

        Raises:
            NotFound: The webhook has none of this id.
        """
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, webhook_id, sample_id)
        if row is None:
            raise NotFound(f"there is no sample {sample_id}")
        return Sample(**row)

    async def rename(
        self, tenant_id: UUID, webhook_id: UUID, sample_id: UUID, *, name: str
    ) -> None:
        """Keep a sample under a name.

        Raises:
            Conflict: Another sample has the name.
        """
        try:
            await self._connection.execute(
                _QUERIES["rename"], tenant_id, webhook_id, sample_id, name
            )
        except asyncpg.UniqueViolationError as error:
            raise Conflict("another sample of this webhook has this name") from error

    async def delete(self, tenant_id: UUID, webhook_id: UUID, sample_id: UUID) -> None:
        """Delete a sample."""
        await self._connection.execute(_QUERIES["delete"], tenant_id, webhook_id, sample_id)

    async def _delete_unnamed(self, tenant_id: UUID, webhook_id: UUID) -> None:
        await self._connection.execute(_QUERIES["delete_unnamed"], tenant_id, webhook_id)

    async def _disarm(self, tenant_id: UUID, webhook_id: UUID) -> None:
        await self._connection.execute(_QUERIES["disarm"], tenant_id, webhook_id)
