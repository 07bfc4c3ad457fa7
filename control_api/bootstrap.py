"""``python -m control_api.bootstrap``: a tenant and an API key for it, for a new installation."""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from uuid import UUID

import orjson

from control_api.authentication import Permission, key_digest, key_prefix, new_key
from control_api.settings import ControlApiSettings
from shared.database.pool import SYSTEM_ROLE, Connection, connect, translated_errors
from shared.domain.identifiers import TenantId, uuid7
from shared.domain.webhook import SLUG_PATTERN
from shared.errors import ConfigurationError, InvalidInput, NotFound
from shared.ledger.api_keys import ApiKeys, NewApiKey
from shared.ledger.audit import AuditEvent, AuditTrail
from shared.ledger.tenants import Tenant, Tenants
from shared.settings import load


@dataclass(frozen=True, slots=True)
class BootstrappedTenant:
    """A tenant and a new key with every permission; the key's text is nowhere else."""

    tenant_id: UUID
    tenant_slug: str
    api_key: str


async def bootstrap_tenant(connection: Connection, *, slug: str, name: str) -> BootstrappedTenant:
    """Create the tenant unless it exists, and a new API key for it.

    ``connection`` acts as the system role.
    """
    async with connection.transaction():
        tenant = await _ensured_tenant(connection, slug=slug, name=name)
        key = new_key()
        await ApiKeys(connection).insert(
            NewApiKey(
                tenant_id=tenant.tenant_id,
                api_key_id=uuid7(),
                key_digest=key_digest(key),
                key_prefix=key_prefix(key),
                description="made by bootstrap",
                permissions=list(Permission),
            )
        )
        event = AuditEvent("bootstrap", "api_key.created", f"api_key:{key_prefix(key)}")
        await AuditTrail(connection).insert(tenant.tenant_id, event)
    return BootstrappedTenant(tenant.tenant_id, tenant.slug, key)


async def _ensured_tenant(connection: Connection, *, slug: str, name: str) -> Tenant:
    if not SLUG_PATTERN.fullmatch(slug):
        raise InvalidInput(f"{slug!r} is no slug: use lower-case letters, digits, inner hyphens")
    tenants = Tenants(connection)
    await tenants.insert(tenant_id=TenantId(uuid7()), slug=slug, name=name)
    tenant = await tenants.find_by_slug(slug)
    if tenant is None:
        raise NotFound(f"the tenant {slug!r} was removed meanwhile")
    return tenant


async def _bootstrap(settings: ControlApiSettings, *, slug: str, name: str) -> BootstrappedTenant:
    with translated_errors():
        connection = await connect(
            settings.database_url.reveal(),
            role=SYSTEM_ROLE,
            application_name="postern-bootstrap",
        )
        try:
            return await bootstrap_tenant(connection, slug=slug, name=name)
        finally:
            await connection.close()


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m control_api.bootstrap",
        description="Create a tenant unless it exists, and print a new API key for it as JSON.",
    )
    parser.add_argument("--tenant-slug", required=True)
    parser.add_argument("--tenant-name", required=True)
    arguments = parser.parse_args()
    try:
        tenant = asyncio.run(
            _bootstrap(
                load(ControlApiSettings), slug=arguments.tenant_slug, name=arguments.tenant_name
            )
        )
    except (ConfigurationError, InvalidInput) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(orjson.dumps(tenant, default=str).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
