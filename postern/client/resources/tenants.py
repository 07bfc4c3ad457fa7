"""The resource tenants. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class Tenants:
    """Calls of tenants."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get_own(
        self,
    ) -> models.TenantData:
        """Get the tenant that the credential belongs to.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/tenant")
        return self._http.fetch(call, models.TenantData)

    def list_page(
        self, *, limit: int | None = None, cursor: str | None = None, slug: str | None = None
    ) -> models.TenantPage:
        """List tenants, newest first.

        Needs the permission operator.
        """
        call = Call(
            method="GET",
            template="/api/v1/tenants",
            query={"limit": limit, "cursor": cursor, "slug": slug},
        )
        return self._http.fetch(call, models.TenantPage)

    def each(
        self, *, limit: int | None = None, slug: str | None = None
    ) -> Iterator[models.Tenant]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_page(limit=limit, slug=slug, cursor=cursor)
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def create(self, body: bodies.TenantBody) -> models.TenantDataWithSecret:
        """Create a tenant with a first key, whose text this answer alone holds.

        Needs the permission operator.
        """
        call = Call(method="POST", template="/api/v1/tenants", body=body)
        return self._http.fetch(call, models.TenantDataWithSecret)

    def get(self, tenant_id: UUID | str) -> models.TenantData:
        """Get a tenant.

        Needs the permission operator.
        """
        call = Call(
            method="GET", template="/api/v1/tenants/{tenant_id}", path={"tenant_id": tenant_id}
        )
        return self._http.fetch(call, models.TenantData)

    def change(
        self, tenant_id: UUID | str, body: bodies.TenantChangeBody | None = None
    ) -> models.TenantData:
        """Rename a tenant, or switch it off or on; gateways and this API follow within 5 s.

        Needs the permission operator.
        """
        call = Call(
            method="PATCH",
            template="/api/v1/tenants/{tenant_id}",
            path={"tenant_id": tenant_id},
            body=body,
        )
        return self._http.fetch(call, models.TenantData)

    def create_key(
        self, tenant_id: UUID | str, body: bodies.FirstKeyBody | None = None
    ) -> models.FirstKeyDataWithSecret:
        """Make a key with every permission, for a tenant that has lost its last one.

        Needs the permission operator.
        """
        call = Call(
            method="POST",
            template="/api/v1/tenants/{tenant_id}/api-keys",
            path={"tenant_id": tenant_id},
            body=body,
        )
        return self._http.fetch(call, models.FirstKeyDataWithSecret)


class AsyncTenants:
    """Calls of tenants."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def get_own(
        self,
    ) -> models.TenantData:
        """Get the tenant that the credential belongs to.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/tenant")
        return await self._http.fetch(call, models.TenantData)

    async def list_page(
        self, *, limit: int | None = None, cursor: str | None = None, slug: str | None = None
    ) -> models.TenantPage:
        """List tenants, newest first.

        Needs the permission operator.
        """
        call = Call(
            method="GET",
            template="/api/v1/tenants",
            query={"limit": limit, "cursor": cursor, "slug": slug},
        )
        return await self._http.fetch(call, models.TenantPage)

    async def each(
        self, *, limit: int | None = None, slug: str | None = None
    ) -> AsyncIterator[models.Tenant]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_page(limit=limit, slug=slug, cursor=cursor)
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    async def create(self, body: bodies.TenantBody) -> models.TenantDataWithSecret:
        """Create a tenant with a first key, whose text this answer alone holds.

        Needs the permission operator.
        """
        call = Call(method="POST", template="/api/v1/tenants", body=body)
        return await self._http.fetch(call, models.TenantDataWithSecret)

    async def get(self, tenant_id: UUID | str) -> models.TenantData:
        """Get a tenant.

        Needs the permission operator.
        """
        call = Call(
            method="GET", template="/api/v1/tenants/{tenant_id}", path={"tenant_id": tenant_id}
        )
        return await self._http.fetch(call, models.TenantData)

    async def change(
        self, tenant_id: UUID | str, body: bodies.TenantChangeBody | None = None
    ) -> models.TenantData:
        """Rename a tenant, or switch it off or on; gateways and this API follow within 5 s.

        Needs the permission operator.
        """
        call = Call(
            method="PATCH",
            template="/api/v1/tenants/{tenant_id}",
            path={"tenant_id": tenant_id},
            body=body,
        )
        return await self._http.fetch(call, models.TenantData)

    async def create_key(
        self, tenant_id: UUID | str, body: bodies.FirstKeyBody | None = None
    ) -> models.FirstKeyDataWithSecret:
        """Make a key with every permission, for a tenant that has lost its last one.

        Needs the permission operator.
        """
        call = Call(
            method="POST",
            template="/api/v1/tenants/{tenant_id}/api-keys",
            path={"tenant_id": tenant_id},
            body=body,
        )
        return await self._http.fetch(call, models.FirstKeyDataWithSecret)
