"""Sealed secrets of webhooks, as admins change them.

Gateways look at webhooks alone: whoever changes secrets also gives the webhook a new version.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "webhook_secrets.sql")


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """What may be known of a secret; its value may not."""

    secret_id: UUID
    created_at: datetime
    #: None: until replaced.
    valid_until: datetime | None
    #: When it last verified a request, as far as gateways have told; late by a minute or so.
    last_used_at: datetime | None
    is_live: bool


class WebhookSecrets:
    """Reads and writes the secrets of webhooks on one connection."""

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

    async def list_all(self, tenant_id: UUID, webhook_id: UUID) -> list[StoredSecret]:
        """Return a webhook's secrets, the newest first."""
        rows = await self._connection.fetch(_QUERIES["list_all"], tenant_id, webhook_id)
        return [StoredSecret(**row) for row in rows]

    async def delete(self, tenant_id: UUID, webhook_id: UUID, secret_id: UUID) -> None:
        """Delete one secret."""
        await self._connection.execute(_QUERIES["delete"], tenant_id, webhook_id, secret_id)

    async def delete_ended(self, tenant_id: UUID, webhook_id: UUID) -> None:
        """Delete the secrets that no longer count."""
        await self._connection.execute(_QUERIES["delete_ended"], tenant_id, webhook_id)

    async def delete_all(self, tenant_id: UUID, webhook_id: UUID) -> None:
        """Delete every secret of a webhook."""
        await self._connection.execute(_QUERIES["delete_all"], tenant_id, webhook_id)
