"""Secrets of webhooks: made up or given, sealed, shown once."""

import secrets
from dataclasses import dataclass

from control_api.auth_bodies import AUTH_BODIES
from control_api.faults import summary, validate
from control_api.presets import makes_its_secret, missing_secret, preset_of, secret_faults
from shared.crypto.keyring import Keyring
from shared.crypto.sealing import seal
from shared.database.pool import Connection
from shared.domain.identifiers import TenantId, WebhookId, uuid7
from shared.errors import Fault, InvalidInput
from shared.ledger.webhook_secrets import WebhookSecrets
from shared.ledger.webhooks import WebhookSettings
from shared.settings import Secret

#: Auth types that need no secret.
WITHOUT_SECRET = frozenset({"ip_allowlist"})


def _random_secret() -> Secret:
    return Secret(secrets.token_urlsafe(32))


def made_up_secret(settings: WebhookSettings) -> Secret | None:
    """Return 256 random bits as text; None where there is none, or only the sender makes it."""
    if settings.auth_type in WITHOUT_SECRET or makes_its_secret(settings):
        return None
    return _random_secret()


def chosen_secret(settings: WebhookSettings, given: str | None) -> Secret:
    """Return the secret that is given for a webhook whose auth type has one, or one made up.

    Raises:
        InvalidInput: What is given, as ``secret``, does not fit, or is missing and can only come
            from the sender.
    """
    faults: list[Fault] = []
    if given is not None:
        config = {**settings.auth_config, "secret": given}
        validate(AUTH_BODIES[settings.auth_type], config, faults)
        if preset := preset_of(settings):
            faults += secret_faults(preset, given, field="secret")
        # The rest of what is stored was judged when it was saved.
        faults = [fault for fault in faults if fault.field == "secret"]
    elif preset := makes_its_secret(settings):
        faults.append(missing_secret(preset, field="secret"))
    if faults:
        raise InvalidInput(summary(faults), faults=faults)
    return _random_secret() if given is None else Secret(given)


def secret_kind(settings: WebhookSettings) -> tuple[str, object]:
    """Return what must stay the same for a webhook's secret to stay."""
    return settings.auth_type, settings.auth_config.get("preset")


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
