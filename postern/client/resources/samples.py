"""The resource samples. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client import models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class Samples:
    """Calls of samples."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def arm(self, webhook_id: UUID | str) -> models.WebhookData:
        """Keep the next accepted request of the coming five minutes; the old sample goes.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/capture-sample",
            path={"webhook_id": webhook_id},
        )
        return self._http.fetch(call, models.WebhookData)

    def clear(self, webhook_id: UUID | str) -> models.WebhookData:
        """Drop the sample and stop waiting for one.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/capture-sample",
            path={"webhook_id": webhook_id},
        )
        return self._http.fetch(call, models.WebhookData)


class AsyncSamples:
    """Calls of samples."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def arm(self, webhook_id: UUID | str) -> models.WebhookData:
        """Keep the next accepted request of the coming five minutes; the old sample goes.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/capture-sample",
            path={"webhook_id": webhook_id},
        )
        return await self._http.fetch(call, models.WebhookData)

    async def clear(self, webhook_id: UUID | str) -> models.WebhookData:
        """Drop the sample and stop waiting for one.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/capture-sample",
            path={"webhook_id": webhook_id},
        )
        return await self._http.fetch(call, models.WebhookData)
