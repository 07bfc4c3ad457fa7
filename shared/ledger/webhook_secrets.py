"""Sealed secrets of webhooks, as admins change them.

Gateways look at webhooks alone: whoever changes secrets also gives the webhook a new version.
"""

from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "webhook_secrets.sql")


class WebhookSecrets:
    """Writes the secrets of webhooks on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(
        self, tenant_id: UUID, webhook_id: UUID, *, secret_id: UUID, sealed: bytes
    ) -> None:
        """Insert a sealed secret, live from now on."""
        await self._connection.execute(
            _QUERIES["insert"], tenant_id, webhook_id, secret_id, sealed
        )

    async def retire(self, tenant_id: UUID, webhook_id: UUID, *, overlap_seconds: float) -> None:
        """Let the present secrets count for ``overlap_seconds`` more, never longer than now."""
        await self._connection.execute(
            _QUERIES["retire"], tenant_id, webhook_id, float(overlap_seconds)
        )

    async def delete_all(self, tenant_id: UUID, webhook_id: UUID) -> None:
        """Delete every secret of a webhook."""
        await self._connection.execute(_QUERIES["delete_all"], tenant_id, webhook_id)
