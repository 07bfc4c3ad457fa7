"""All of a tenant's webhooks at once, to write them into a document or to change them by one."""

from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.ledger.webhooks import StoredWebhook, Webhooks

_QUERIES = Queries(__package__, "webhook_documents.sql")


class WebhookDocuments:
    """Reads all webhooks on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock_all(self, tenant_id: UUID) -> None:
        """Hold a tenant's webhooks against other changes until the transaction ends."""
        await self._connection.execute(_QUERIES["lock_all"], tenant_id)

    async def list_all(self, tenant_id: UUID) -> list[StoredWebhook]:
        """Return a tenant's webhooks by slug."""
        rows = await self._connection.fetch(_QUERIES["list_ids"], tenant_id)
        return await Webhooks(self._connection).list_by_ids(
            tenant_id, [row["webhook_id"] for row in rows]
        )
