"""External ids and the entities they stand for, per webhook."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId

_QUERIES = Queries(__package__, "mappings.sql")

#: Whether the sender still has what its id stands for; ``error``: it has told that it is gone.
SyncStatus = Literal["synced", "error"]


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
        return (await self.find_all([key])).get(key)

    async def find_all(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, UUID]:
        """Return the entities that keys of one tenant stand for, of those that are mapped."""
        if not keys:
            return {}
        wanted = list(keys)
        rows = await self._connection.fetch(
            _QUERIES["find_all"],
            wanted[0].tenant_id,
            [key.webhook_id for key in wanted],
            [key.entity_type for key in wanted],
            [key.external_id for key in wanted],
            [key.realm for key in wanted],
        )
        return {wanted[row["number"] - 1]: row["entity_id"] for row in rows}

    async def upsert(self, key: ExternalKey, *, entity_id: UUID, delivery_id: DeliveryId) -> UUID:
        """Map a key to an entity unless it is mapped; return the entity it stands for now.

        Locks the key until the transaction ends: concurrent writers come one after the other.
        """
        (mapped,) = await self.upsert_all([(key, entity_id, delivery_id)])
        return mapped

    async def upsert_all(
        self,
        wanted: Sequence[tuple[ExternalKey, UUID, DeliveryId]],
        *,
        sync_statuses: Mapping[ExternalKey, SyncStatus] = MappingProxyType({}),
    ) -> list[UUID]:
        """Do the same for several keys of one tenant and type, no key and no id named twice.

        A key that has no status here keeps the one that it has.
        """
        keys = [key for key, _, _ in wanted]
        rows = await self._connection.fetch(
            _QUERIES["upsert"],
            keys[0].tenant_id,
            keys[0].entity_type,
            [key.webhook_id for key in keys],
            [key.external_id for key in keys],
            [key.realm for key in keys],
            [entity_id for _, entity_id, _ in wanted],
            [delivery_id for _, _, delivery_id in wanted],
            [sync_statuses.get(key) for key in keys],
        )
        mapped: dict[tuple[UUID, str, str], UUID] = {
            (row["webhook_id"], row["external_id"], row["realm"]): row["entity_id"] for row in rows
        }
        return [mapped[key.webhook_id, key.external_id, key.realm] for key in keys]
