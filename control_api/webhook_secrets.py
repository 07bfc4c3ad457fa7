"""Secrets of webhooks: made up or given, sealed, shown once."""

import secrets
from dataclasses import dataclass

from shared.crypto.keyring import Keyring
from shared.crypto.sealing import seal
from shared.database.pool import Connection
from shared.domain.identifiers import TenantId, WebhookId, uuid7
from shared.ledger.webhook_secrets import WebhookSecrets
from shared.settings import Secret

#: Auth types that need no secret.
WITHOUT_SECRET = frozenset({"ip_allowlist"})


def new_secret() -> Secret:
    """Return 256 random bits as text."""
    return Secret(secrets.token_urlsafe(32))


@dataclass(frozen=True, slots=True)
class SecretKeeper:
    """Seals and stores the secrets of webhooks on one connection.

    The caller gives the webhook a new version in the same transaction.
    """

    connection: Connection
    keyring: Keyring

    async def add(self, tenant_id: TenantId, webhook_id: WebhookId, secret: Secret) -> None:
        """Store a secret that counts from now on, beside those that are there."""
        secret_id = uuid7()
        sealed = seal(
            self.keyring, secret.reveal().encode(), context=(tenant_id, webhook_id, secret_id)
        )
        await WebhookSecrets(self.connection).insert(
            tenant_id, webhook_id, secret_id=secret_id, sealed=sealed
        )

    async def replace(
        self,
        tenant_id: TenantId,
        webhook_id: WebhookId,
        secret: Secret,
        *,
        overlap_seconds: int = 0,
    ) -> None:
        """Store a secret; the old ones count for the overlap, or are deleted where it is 0."""
        stored = WebhookSecrets(self.connection)
        if overlap_seconds:
            await stored.delete_ended(tenant_id, webhook_id)
            await stored.retire(tenant_id, webhook_id, overlap_seconds=overlap_seconds)
        else:
            await stored.delete_all(tenant_id, webhook_id)
        await self.add(tenant_id, webhook_id, secret)

    async def delete_all(self, tenant_id: TenantId, webhook_id: WebhookId) -> None:
        """Delete every secret of a webhook."""
        await WebhookSecrets(self.connection).delete_all(tenant_id, webhook_id)
