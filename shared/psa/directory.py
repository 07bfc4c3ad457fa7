"""Clients and assets as admins see them; what actions write is in repositories of their own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.errors import Conflict, NotFound
from shared.psa.references import References

_QUERIES = Queries(__package__, "directory.sql")

#: Entity types that a sender's ids can stand for.
ENTITY_TYPES = frozenset(
    {
        "asset",
        "client",
        "contact",
        "invoice",
        "project",
        "project_task",
        "ticket",
        "time_entry",
    }
)

#: Column to value.
Entity = Mapping[str, Any]


class Directory:
    """Reads clients and assets, and adds clients, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert_client(self, tenant_id: UUID, *, client_id: UUID, name: str) -> Entity:
        """Insert a client.

        Raises:
            Conflict: The name is taken.
        """
        try:
            row = await self._connection.fetchrow(
                _QUERIES["insert_client"], tenant_id, client_id, name
            )
        except asyncpg.UniqueViolationError as error:
            raise Conflict("another client has this name") from error
        return dict(row or {})

    async def list_clients(
        self, tenant_id: UUID, *, after: UUID | None, limit: int
    ) -> list[Entity]:
        """Return clients, newest first."""
        rows = await self._connection.fetch(_QUERIES["list_clients"], tenant_id, after, limit)
        return [dict(row) for row in rows]

    async def list_assets(
        self, tenant_id: UUID, *, after: UUID | None, limit: int
    ) -> list[Entity]:
        """Return assets with their client's name, newest first, without snapshots."""
        rows = await self._connection.fetch(_QUERIES["list_assets"], tenant_id, after, limit)
        return [dict(row) for row in rows]

    async def get_asset(self, tenant_id: UUID, asset_id: UUID) -> Entity:
        """Return an asset with its client's name; ``rmm_snapshot`` is JSON text.

        Raises:
            NotFound: This tenant has no such asset.
        """
        row = await self._connection.fetchrow(_QUERIES["find_asset"], tenant_id, asset_id)
        if row is None:
            raise NotFound(f"there is no asset {asset_id}")
        return dict(row)

    async def exists(self, tenant_id: UUID, entity_type: str, entity_id: UUID) -> bool:
        """Tell whether the tenant has this entity; the type is one of ``ENTITY_TYPES``."""
        missing = await References(self._connection).find_missing(
            tenant_id, [(entity_type, entity_id)]
        )
        return not missing
