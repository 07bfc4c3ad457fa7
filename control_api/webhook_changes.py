"""Writing of webhooks: settings, secret, breaker and audit, in the caller's transaction."""

from dataclasses import asdict, dataclass

from control_api.auditing import audit
from control_api.authentication import Caller
from control_api.webhook_input import WebhookInput
from control_api.webhook_secrets import SecretKeeper, made_up_secret, secret_kind
from shared.crypto.keyring import Keyring
from shared.database.pool import Connection
from shared.domain.identifiers import WebhookId
from shared.ledger.circuit_breakers import CircuitBreakers
from shared.ledger.forward_secrets import ForwardSecrets
from shared.ledger.samples import Samples
from shared.ledger.webhooks import StoredWebhook, Webhooks
from shared.settings import Secret

#: Held deliveries beyond these come by themselves, minutes later.
_RELEASED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class WebhookChanges:
    """Writes webhooks on one connection, for one caller."""

    connection: Connection
    caller: Caller
    keyring: Keyring

    async def insert(
        self, webhook_id: WebhookId, wanted: WebhookInput, *, event: str = "webhook.created"
    ) -> Secret | None:
        """Insert a webhook; return its secret, for its owner alone.

        Raises:
            Conflict: The slug is taken.
        """
        caller = self.caller
        await Webhooks(self.connection).insert(
            caller.tenant_id, webhook_id, wanted.settings, created_by=caller.api_key_id
        )
        secret = wanted.secret or made_up_secret(wanted.settings)
        if secret is not None:
            await self._keeper.add(caller.tenant_id, webhook_id, secret)
        await audit(
            self.connection,
            caller,
            event,
            f"webhook:{webhook_id}",
            after=asdict(wanted.settings),
        )
        return secret

    async def update(
        self, before: StoredWebhook, wanted: WebhookInput, *, event: str = "webhook.replaced"
    ) -> Secret | None:
        """Replace a locked webhook's settings; return its new secret, None where it stays.

        Raises:
            Conflict: The slug is taken.
        """
        webhook_id = before.webhook_id
        await Webhooks(self.connection).update(before.tenant_id, webhook_id, wanted.settings)
        secret = await self._change_secret(before, wanted)
        await self._close_breaker(before)
        await audit(
            self.connection,
            self.caller,
            event,
            f"webhook:{webhook_id}",
            details={"secret_replaced": secret is not None},
            before=asdict(before.settings),
            after=asdict(wanted.settings),
        )
        return secret

    async def switch(self, before: StoredWebhook, *, is_active: bool) -> None:
        """Enable or disable a locked webhook; one that is so already stays as it is."""
        if before.settings.is_active == is_active:
            return
        await Webhooks(self.connection).switch(
            before.tenant_id, before.webhook_id, is_active=is_active
        )
        if is_active:
            await self._close_breaker(before)
        event = "webhook.enabled" if is_active else "webhook.disabled"
        await audit(
            self.connection,
            self.caller,
            event,
            f"webhook:{before.webhook_id}",
            before={"is_active": not is_active},
            after={"is_active": is_active},
        )

    async def delete(self, before: StoredWebhook) -> None:
        """Delete a locked webhook and its secrets; its deliveries and mappings stay."""
        tenant_id, webhook_id = before.tenant_id, before.webhook_id
        await Webhooks(self.connection).delete(tenant_id, webhook_id)
        await self._keeper.delete_all(tenant_id, webhook_id)
        await ForwardSecrets(
            self.connection, tenant_id=tenant_id, webhook_id=webhook_id
        ).delete_all()
        await Samples(self.connection).clear(tenant_id, webhook_id)
        await audit(
            self.connection,
            self.caller,
            "webhook.deleted",
            f"webhook:{webhook_id}",
            before=asdict(before.settings),
        )

    @property
    def _keeper(self) -> SecretKeeper:
        return SecretKeeper(self.connection, self.keyring)

    async def _change_secret(self, before: StoredWebhook, wanted: WebhookInput) -> Secret | None:
        """Store the secret that a change asks for, and return it; None where it stays."""
        is_same_kind = secret_kind(wanted.settings) == secret_kind(before.settings)
        if is_same_kind and wanted.secret is None:
            return None
        secret = wanted.secret or made_up_secret(wanted.settings)
        if secret is None:
            # There is none, or it has yet to come from the sender: the old one opens nothing.
            await self._keeper.delete_all(before.tenant_id, before.webhook_id)
        else:
            await self._keeper.replace(before.tenant_id, before.webhook_id, secret)
        return secret

    async def _close_breaker(self, webhook: StoredWebhook) -> None:
        """Let what an open breaker holds back try at once: a change may have mended the cause."""
        breakers = CircuitBreakers(self.connection)
        if await breakers.close(webhook.tenant_id, webhook.webhook_id):
            await breakers.release(webhook.tenant_id, webhook.webhook_id, limit=_RELEASED_AT_ONCE)
