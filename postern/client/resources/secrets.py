"""The resource secrets. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class Secrets:
    """Calls of secrets."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def rotate(
        self,
        webhook_id: UUID | str,
        body: bodies.RotateBody | None = None,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookDataWithSecret:
        """Give a webhook a new secret, shown in this answer alone.

        One that only the sender can make has to be given.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/rotate-secret",
            path={"webhook_id": webhook_id},
            headers={
                "if-match": if_match,
                "idempotency-key": idempotency_key or new_idempotency_key(),
            },
            body=body,
        )
        return self._http.fetch(call, models.WebhookDataWithSecret)

    def list_secrets(self, webhook_id: UUID | str) -> models.WebhookSecretListData:
        """List a webhook's secrets, the newest first: when each counts and was last used.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/secrets",
            path={"webhook_id": webhook_id},
        )
        return self._http.fetch(call, models.WebhookSecretListData)

    def revoke(
        self, webhook_id: UUID | str, secret_id: UUID | str, *, if_match: str | None = None
    ) -> models.WebhookData:
        """End an old secret at once, before its overlap is over.

        The newest can only be rotated.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/secrets/{secret_id}",
            path={"webhook_id": webhook_id, "secret_id": secret_id},
            headers={"if-match": if_match},
        )
        return self._http.fetch(call, models.WebhookData)


class AsyncSecrets:
    """Calls of secrets."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def rotate(
        self,
        webhook_id: UUID | str,
        body: bodies.RotateBody | None = None,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookDataWithSecret:
        """Give a webhook a new secret, shown in this answer alone.

        One that only the sender can make has to be given.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/rotate-secret",
            path={"webhook_id": webhook_id},
            headers={
                "if-match": if_match,
                "idempotency-key": idempotency_key or new_idempotency_key(),
            },
            body=body,
        )
        return await self._http.fetch(call, models.WebhookDataWithSecret)

    async def list_secrets(self, webhook_id: UUID | str) -> models.WebhookSecretListData:
        """List a webhook's secrets, the newest first: when each counts and was last used.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/secrets",
            path={"webhook_id": webhook_id},
        )
        return await self._http.fetch(call, models.WebhookSecretListData)

    async def revoke(
        self, webhook_id: UUID | str, secret_id: UUID | str, *, if_match: str | None = None
    ) -> models.WebhookData:
        """End an old secret at once, before its overlap is over.

        The newest can only be rotated.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/secrets/{secret_id}",
            path={"webhook_id": webhook_id, "secret_id": secret_id},
            headers={"if-match": if_match},
        )
        return await self._http.fetch(call, models.WebhookData)
