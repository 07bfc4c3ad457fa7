"""Tenants."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import TenantId
from shared.errors import NotFound

_QUERIES = Queries(__package__, "tenants.sql")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer of this installation."""

    tenant_id: TenantId
    slug: str
    name: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class Tenants:
    """Reads and writes tenants on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, tenant_id: UUID, slug: str, name: str) -> bool:
        """Insert a tenant, unless one with this slug exists; return whether it was inserted."""
        tag = await self._connection.execute(_QUERIES["insert"], tenant_id, slug, name)
        return tag.endswith(" 1")

    async def find_by_slug(self, slug: str) -> Tenant | None:
        """Return the tenant with this slug."""
        row = await self._connection.fetchrow(_QUERIES["find_by_slug"], slug)
        return None if row is None else Tenant(**row)

    async def find(self, tenant_id: UUID) -> Tenant | None:
        """Return the tenant with this id."""
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id)
        return None if row is None else Tenant(**row)

    async def get(self, tenant_id: UUID) -> Tenant:
        """Return a tenant.

        Raises:
            NotFound: There is none of this id.
        """
        tenant = await self.find(tenant_id)
        if tenant is None:
            raise NotFound(f"there is no tenant {tenant_id}")
        return tenant

    async def lock(self, tenant_id: UUID) -> Tenant:
        """Return a tenant, and keep it as it is until the transaction ends.

        Raises:
            NotFound: There is none of this id.
        """
        row = await self._connection.fetchrow(_QUERIES["lock"], tenant_id)
        if row is None:
            raise NotFound(f"there is no tenant {tenant_id}")
        return Tenant(**row)

    async def list_page(self, *, slug: str | None, after: UUID | None, limit: int) -> list[Tenant]:
        """Return tenants, newest first, those older than ``after``."""
        rows = await self._connection.fetch(_QUERIES["list_page"], after, limit, slug)
        return [Tenant(**row) for row in rows]

    async def update(self, tenant_id: UUID, *, name: str, is_active: bool) -> None:
        """Set what may be set of a tenant."""
        await self._connection.execute(_QUERIES["update"], tenant_id, name, is_active)
