"""External-entity mappings as admins read and set them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId
from shared.ledger.mappings import SyncStatus

_QUERIES = Queries(__package__, "mapping_admin.sql")


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """What one webhook's sender calls an entity."""

    entity_type: str
    external_id: str
    realm: str


@dataclass(frozen=True, slots=True)
class ExternalMapping:
    """What an external id stands for, for one webhook."""

    entity_type: str
    external_id: str
    realm: str
    entity_id: UUID
    sync_status: SyncStatus
    #: The delivery that last wrote it; None: written by an admin.
    delivery_id: DeliveryId | None
    created_at: datetime
    updated_at: datetime


class MappingAdmin:
    """Reads and sets mappings on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list_page(
        self, tenant_id: UUID, webhook_id: UUID, *, limit: int
    ) -> list[ExternalMapping]:
        """Return the first mappings of a webhook, by entity type and external id."""
        rows = await self._connection.fetch(_QUERIES["list_page"], tenant_id, webhook_id, limit)
        return [ExternalMapping(**row) for row in rows]

    async def lock(
        self, tenant_id: UUID, webhook_id: UUID, key: ExternalKey
    ) -> ExternalMapping | None:
        """Return what an external id stands for, and keep it so until the transaction ends."""
        row = await self._connection.fetchrow(
            _QUERIES["lock"], tenant_id, webhook_id, key.entity_type, key.external_id, key.realm
        )
        return None if row is None else ExternalMapping(**row)

    async def upsert(
        self, tenant_id: UUID, webhook_id: UUID, key: ExternalKey, *, entity_id: UUID
    ) -> ExternalMapping:
        """Let an external id stand for an entity, whatever it stood for before."""
        row = await self._connection.fetchrow(
            _QUERIES["upsert"],
            tenant_id,
            webhook_id,
            key.entity_type,
            key.external_id,
            key.realm,
            entity_id,
        )
        assert row is not None  # noqa: S101 - an upsert always returns its row
        return ExternalMapping(**row)
