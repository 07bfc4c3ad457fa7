"""The resource secrets. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class Secrets:
    """Calls of secrets."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def rotate(
        self, webhook_id: UUID | str, body: bodies.RotateBody | None = None
    ) -> models.WebhookDataWithSecret:
        """Give a webhook a new secret, shown in this answer alone.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/rotate-secret",
            path={"webhook_id": webhook_id},
            body=body,
        )
        return self._http.fetch(call, models.WebhookDataWithSecret)


class AsyncSecrets:
    """Calls of secrets."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def rotate(
        self, webhook_id: UUID | str, body: bodies.RotateBody | None = None
    ) -> models.WebhookDataWithSecret:
        """Give a webhook a new secret, shown in this answer alone.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/rotate-secret",
            path={"webhook_id": webhook_id},
            body=body,
        )
        return await self._http.fetch(call, models.WebhookDataWithSecret)
