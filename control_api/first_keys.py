"""Keys with every permission, for tenants that have none."""

from uuid import UUID

from control_api.credentials import key_digest, key_prefix, new_key
from control_api.permissions import Permission
from shared.database.pool import Connection
from shared.domain.identifiers import TenantId, uuid7
from shared.ledger.api_keys import ApiKeys, KeyGrant, NewApiKey
from shared.settings import Secret


async def insert_first_key(
    connection: Connection, tenant_id: TenantId, *, name: str, created_by: str
) -> tuple[UUID, Secret]:
    """Insert a key with every permission; return its id and its text, which is nowhere else."""
    text, api_key_id = new_key(), uuid7()
    await ApiKeys(connection).insert(
        NewApiKey(
            tenant_id=tenant_id,
            api_key_id=api_key_id,
            key_digest=key_digest(text),
            key_prefix=key_prefix(text),
            created_by=created_by,
            grant=KeyGrant(name=name, permissions=list(Permission)),
        )
    )
    return api_key_id, Secret(text)
