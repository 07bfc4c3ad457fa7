"""Tenants."""

from dataclasses import dataclass
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import TenantId

_QUERIES = Queries(__package__, "tenants.sql")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer of this installation."""

    tenant_id: TenantId
    slug: str
    name: str
    is_active: bool


class Tenants:
    """Reads and writes tenants on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, tenant_id: UUID, slug: str, name: str) -> None:
        """Insert a tenant, unless one with this slug exists."""
        await self._connection.execute(_QUERIES["insert"], tenant_id, slug, name)

    async def find_by_slug(self, slug: str) -> Tenant | None:
        """Return the tenant with this slug."""
        row = await self._connection.fetchrow(_QUERIES["find_by_slug"], slug)
        return None if row is None else Tenant(**row)
