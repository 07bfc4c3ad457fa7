"""The resource webhook_states. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class WebhookStates:
    """Calls of webhook_states."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def enable(
        self,
        webhook_id: UUID | str,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookData:
        """Switch a webhook on; one that is on stays as it is.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/enable",
            path={"webhook_id": webhook_id},
            headers={
                "if-match": if_match,
                "idempotency-key": idempotency_key or new_idempotency_key(),
            },
        )
        return self._http.fetch(call, models.WebhookData)

    def disable(
        self,
        webhook_id: UUID | str,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookData:
        """Switch a webhook off: its senders are answered 401. One that is off stays as it is.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/disable",
            path={"webhook_id": webhook_id},
            headers={
                "if-match": if_match,
                "idempotency-key": idempotency_key or new_idempotency_key(),
            },
        )
        return self._http.fetch(call, models.WebhookData)

    def clone(
        self,
        webhook_id: UUID | str,
        body: bodies.CloneBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.WebhookDataWithSecret:
        """Create a webhook with the settings of this one.

        Under another slug and with a new secret.

        A secret that only the sender can make has to be given.

        Samples, deliveries and external mappings stay with the original.

        Needs the permission create.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/clone",
            path={"webhook_id": webhook_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.WebhookDataWithSecret)


class AsyncWebhookStates:
    """Calls of webhook_states."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def enable(
        self,
        webhook_id: UUID | str,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookData:
        """Switch a webhook on; one that is on stays as it is.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/enable",
            path={"webhook_id": webhook_id},
            headers={
                "if-match": if_match,
                "idempotency-key": idempotency_key or new_idempotency_key(),
            },
        )
        return await self._http.fetch(call, models.WebhookData)

    async def disable(
        self,
        webhook_id: UUID | str,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookData:
        """Switch a webhook off: its senders are answered 401. One that is off stays as it is.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/disable",
            path={"webhook_id": webhook_id},
            headers={
                "if-match": if_match,
                "idempotency-key": idempotency_key or new_idempotency_key(),
            },
        )
        return await self._http.fetch(call, models.WebhookData)

    async def clone(
        self,
        webhook_id: UUID | str,
        body: bodies.CloneBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.WebhookDataWithSecret:
        """Create a webhook with the settings of this one.

        Under another slug and with a new secret.

        A secret that only the sender can make has to be given.

        Samples, deliveries and external mappings stay with the original.

        Needs the permission create.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/clone",
            path={"webhook_id": webhook_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.WebhookDataWithSecret)
