"""External ids and the entities they stand for, per webhook."""

from dataclasses import dataclass
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId

_QUERIES = Queries(__package__, "mappings.sql")


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """What one sender calls one entity. Its namespace is the webhook, whatever its slug."""

    tenant_id: TenantId
    webhook_id: WebhookId
    entity_type: str
    external_id: str
    #: A scope within the sender, such as one of its sites; empty where ids need none.
    realm: str = ""


class Mappings:
    """Reads and writes mappings on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, key: ExternalKey) -> UUID | None:
        """Return the entity that a key stands for."""
        entity_id: UUID | None = await self._connection.fetchval(
            _QUERIES["find"],
            key.tenant_id,
            key.webhook_id,
            key.entity_type,
            key.external_id,
            key.realm,
        )
        return entity_id

    async def upsert(self, key: ExternalKey, *, entity_id: UUID, delivery_id: DeliveryId) -> UUID:
        """Map a key to an entity unless it is mapped; return the entity it stands for now.

        Locks the key until the transaction ends: concurrent writers come one after the other.
        """
        mapped: UUID = await self._connection.fetchval(
            _QUERIES["upsert"],
            key.tenant_id,
            key.webhook_id,
            key.entity_type,
            key.external_id,
            key.realm,
            entity_id,
            delivery_id,
        )
        return mapped
