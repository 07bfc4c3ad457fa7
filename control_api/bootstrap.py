"""``python -m control_api.bootstrap``: first credentials of a new installation.

A tenant with an API key for it, or an operator, who makes tenants through the API.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import orjson

from control_api.credentials import key_digest, key_prefix, new_operator_key
from control_api.first_keys import insert_first_key
from control_api.settings import ControlApiSettings
from shared.database.pool import SYSTEM_ROLE, Connection, connect, translated_errors
from shared.domain.identifiers import TenantId, uuid7
from shared.domain.webhook import SLUG_PATTERN
from shared.errors import ConfigurationError, InvalidInput, NotFound
from shared.ledger.audit import AuditEvent, AuditTrail
from shared.ledger.operators import NewOperator, Operators
from shared.ledger.tenants import Tenant, Tenants
from shared.settings import load


@dataclass(frozen=True, slots=True)
class BootstrappedTenant:
    """A tenant and a new key with every permission; the key's text is nowhere else."""

    tenant_id: UUID
    tenant_slug: str
    api_key: str


@dataclass(frozen=True, slots=True)
class BootstrappedOperator:
    """An operator and the credential, whose text is nowhere else."""

    operator_id: UUID
    operator_name: str
    operator_key: str


@dataclass(frozen=True, slots=True)
class RevokedOperator:
    """An operator whose credential counts no more."""

    revoked_operator_id: UUID


async def bootstrap_tenant(connection: Connection, *, slug: str, name: str) -> BootstrappedTenant:
    """Create the tenant unless it exists, and a new API key for it.

    ``connection`` acts as the system role.
    """
    async with connection.transaction():
        tenant = await _ensured_tenant(connection, slug=slug, name=name)
        api_key_id, key = await insert_first_key(
            connection, tenant.tenant_id, name="made by bootstrap", created_by="bootstrap"
        )
        event = AuditEvent("bootstrap", "api_key.created", f"api_key:{api_key_id}")
        await AuditTrail(connection).insert(tenant.tenant_id, event)
    return BootstrappedTenant(tenant.tenant_id, tenant.slug, key.reveal())


async def bootstrap_operator(connection: Connection, *, name: str) -> BootstrappedOperator:
    """Create an operator. ``connection`` acts as the system role."""
    if not 1 <= len(name.strip()) <= 255:
        raise InvalidInput("an operator's name has 1 to 255 characters")
    key, operator_id = new_operator_key(), uuid7()
    await Operators(connection).insert(
        NewOperator(
            operator_id=operator_id,
            name=name.strip(),
            key_digest=key_digest(key),
            key_prefix=key_prefix(key),
        )
    )
    return BootstrappedOperator(operator_id, name.strip(), key)


async def revoke_operator(connection: Connection, *, operator_id: UUID) -> RevokedOperator:
    """End an operator's credential. ``connection`` acts as the system role.

    Raises:
        NotFound: There is no such operator.
    """
    if not await Operators(connection).revoke(operator_id):
        raise NotFound(f"there is no operator {operator_id}")
    return RevokedOperator(operator_id)


async def _ensured_tenant(connection: Connection, *, slug: str, name: str) -> Tenant:
    if not SLUG_PATTERN.fullmatch(slug):
        raise InvalidInput(f"{slug!r} is no slug: use lower-case letters, digits, inner hyphens")
    tenants = Tenants(connection)
    await tenants.insert(tenant_id=TenantId(uuid7()), slug=slug, name=name)
    tenant = await tenants.find_by_slug(slug)
    if tenant is None:
        raise NotFound(f"the tenant {slug!r} was removed meanwhile")
    return tenant


async def _connected(
    settings: ControlApiSettings, action: Callable[[Connection], Awaitable[object]]
) -> object:
    with translated_errors():
        connection = await connect(
            settings.database_url.reveal(),
            role=SYSTEM_ROLE,
            application_name="postern-bootstrap",
        )
        try:
            return await action(connection)
        finally:
            await connection.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m control_api.bootstrap",
        description="Create a tenant unless it exists and print a new API key for it, or create "
        "an operator, who makes tenants through the API, and print the credential; as JSON.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tenant-slug")
    what.add_argument("--operator-name", help="create an operator of this name")
    what.add_argument("--revoke-operator", type=UUID, metavar="ID", help="end a credential")
    parser.add_argument("--tenant-name", help="with --tenant-slug; the slug without it")
    return parser


def _action(arguments: argparse.Namespace) -> Callable[[Connection], Awaitable[object]]:
    if arguments.operator_name is not None:
        return lambda connection: bootstrap_operator(connection, name=arguments.operator_name)
    if arguments.revoke_operator is not None:
        operator_id = arguments.revoke_operator
        return lambda connection: revoke_operator(connection, operator_id=operator_id)
    slug, name = arguments.tenant_slug, arguments.tenant_name or arguments.tenant_slug
    return lambda connection: bootstrap_tenant(connection, slug=slug, name=name)


def main() -> int:
    """Run the command; return its exit status."""
    arguments = _parser().parse_args()
    try:
        made = asyncio.run(_connected(load(ControlApiSettings), _action(arguments)))
    except (ConfigurationError, InvalidInput, NotFound) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(orjson.dumps(made, default=str).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
