"""Tenants: for operators, who make them and switch them off; and a tenant's view of itself."""

from dataclasses import asdict, replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from control_api.access import JsonBody, Operating, Provided, Reader
from control_api.access_schemas import FirstKeyBody, TenantBody, TenantChangeBody
from control_api.answers import answer, data, data_with_secret
from control_api.auditing import audit_operation
from control_api.contents import access as contents
from control_api.contents.envelope import Data, DataWithSecret, Page
from control_api.documentation import documented
from control_api.faults import validated
from control_api.first_keys import insert_first_key
from control_api.pagination import PageQuery, page_content
from shared.domain.identifiers import TenantId, uuid7
from shared.errors import Conflict
from shared.ledger.tenants import Tenants

router = APIRouter(prefix="/api/v1", tags=["tenants"])


class TenantQuery(PageQuery):
    """Which tenants to list."""

    slug: str | None = None


@router.get("/tenant")
@documented(answer=Data[contents.Tenant])
async def get_own(services: Provided, caller: Reader) -> Response:
    """Get the tenant that the credential belongs to."""
    async with services.transaction(caller) as connection:
        tenant = await Tenants(connection).get(caller.tenant_id)
    return data(asdict(tenant))


@router.get("/tenants")
@documented(answer=Page[contents.Tenant])
async def list_page(
    services: Provided, _: Operating, wanted: Annotated[TenantQuery, Query()]
) -> Response:
    """List tenants, newest first."""
    async with services.operation() as connection:
        found = await Tenants(connection).list_page(
            slug=wanted.slug, after=wanted.after, limit=wanted.probe
        )
    return answer(page_content(found, wanted, key=lambda tenant: tenant.tenant_id, present=asdict))


@router.post("/tenants", status_code=201)
@documented(
    answer=DataWithSecret[contents.Tenant], body=TenantBody, faults={409: "the slug is taken"}
)
async def create(services: Provided, operator: Operating, body: JsonBody) -> Response:
    """Create a tenant with a first key, whose text this answer alone holds."""
    wanted = validated(TenantBody, body)
    tenant_id = TenantId(uuid7())
    async with services.operation() as connection:
        tenants = Tenants(connection)
        if not await tenants.insert(tenant_id=tenant_id, slug=wanted.slug, name=wanted.name):
            raise Conflict(f"slug: there is a tenant {wanted.slug!r} already")
        _, secret = await insert_first_key(
            connection, tenant_id, name=FirstKeyBody().name, created_by=operator.actor
        )
        await audit_operation(
            connection, operator, "tenant.created", tenant_id, after=wanted.model_dump()
        )
        tenant = await tenants.get(tenant_id)
    return data_with_secret(asdict(tenant), secret, status=201)


@router.get("/tenants/{tenant_id}")
@documented(answer=Data[contents.Tenant])
async def get(services: Provided, _: Operating, tenant_id: UUID) -> Response:
    """Get a tenant."""
    async with services.operation() as connection:
        tenant = await Tenants(connection).get(tenant_id)
    return data(asdict(tenant))


@router.patch("/tenants/{tenant_id}")
@documented(answer=Data[contents.Tenant], body=TenantChangeBody)
async def change(
    services: Provided, operator: Operating, tenant_id: UUID, *, body: JsonBody
) -> Response:
    """Rename a tenant, or switch it off or on; gateways and this API follow within 5 s."""
    wanted = validated(TenantChangeBody, body).model_dump(exclude_none=True)
    async with services.operation() as connection:
        tenants = Tenants(connection)
        before = await tenants.lock(tenant_id)
        after = replace(before, **wanted)
        if after != before:
            await tenants.update(tenant_id, name=after.name, is_active=after.is_active)
            await audit_operation(
                connection,
                operator,
                "tenant.changed",
                tenant_id,
                before=asdict(before),
                after=asdict(after),
            )
        tenant = await tenants.get(tenant_id)
    return data(asdict(tenant))


@router.post("/tenants/{tenant_id}/api-keys", status_code=201)
@documented(answer=DataWithSecret[contents.FirstKey], body=FirstKeyBody)
async def create_key(
    services: Provided, operator: Operating, tenant_id: UUID, *, body: JsonBody
) -> Response:
    """Make a key with every permission, for a tenant that has lost its last one."""
    wanted = validated(FirstKeyBody, body)
    async with services.operation() as connection:
        tenant = await Tenants(connection).get(tenant_id)
        api_key_id, secret = await insert_first_key(
            connection, tenant.tenant_id, name=wanted.name, created_by=operator.actor
        )
        await audit_operation(
            connection,
            operator,
            "api_key.created",
            tenant_id,
            after={"api_key_id": api_key_id, "name": wanted.name},
        )
    return data_with_secret({"api_key_id": api_key_id, "name": wanted.name}, secret, status=201)
