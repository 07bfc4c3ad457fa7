"""The resource webhooks. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class Webhooks:
    """Calls of webhooks."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(self, body: bodies.WebhookBody) -> models.WebhookDataWithSecret:
        """Create a webhook; the answer is the only one that holds its secret.

        Needs the permission create.
        """
        call = Call(method="POST", template="/api/v1/inbound-webhooks", body=body)
        return self._http.fetch(call, models.WebhookDataWithSecret)

    def list_page(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.WebhookSummaryPage:
        """List webhooks, newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks",
            query={"limit": limit, "cursor": cursor},
        )
        return self._http.fetch(call, models.WebhookSummaryPage)

    def each(self, *, limit: int | None = None) -> Iterator[models.WebhookSummary]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_page(limit=limit, cursor=cursor)
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def get(self, webhook_id: UUID | str) -> models.WebhookData:
        """Get a webhook with its sample.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
        )
        return self._http.fetch(call, models.WebhookData)

    def replace(
        self, webhook_id: UUID | str, body: bodies.WebhookBody
    ) -> models.WebhookDataWithSecret:
        """Replace a webhook; what the body leaves out gets its default, a secret stays.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
            body=body,
        )
        return self._http.fetch(call, models.WebhookDataWithSecret)

    def delete(self, webhook_id: UUID | str) -> None:
        """Delete a webhook and its secrets; its deliveries and mappings stay.

        Needs the permission delete.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
        )
        self._http.send(call)


class AsyncWebhooks:
    """Calls of webhooks."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def create(self, body: bodies.WebhookBody) -> models.WebhookDataWithSecret:
        """Create a webhook; the answer is the only one that holds its secret.

        Needs the permission create.
        """
        call = Call(method="POST", template="/api/v1/inbound-webhooks", body=body)
        return await self._http.fetch(call, models.WebhookDataWithSecret)

    async def list_page(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.WebhookSummaryPage:
        """List webhooks, newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks",
            query={"limit": limit, "cursor": cursor},
        )
        return await self._http.fetch(call, models.WebhookSummaryPage)

    async def each(self, *, limit: int | None = None) -> AsyncIterator[models.WebhookSummary]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_page(limit=limit, cursor=cursor)
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    async def get(self, webhook_id: UUID | str) -> models.WebhookData:
        """Get a webhook with its sample.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
        )
        return await self._http.fetch(call, models.WebhookData)

    async def replace(
        self, webhook_id: UUID | str, body: bodies.WebhookBody
    ) -> models.WebhookDataWithSecret:
        """Replace a webhook; what the body leaves out gets its default, a secret stays.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
            body=body,
        )
        return await self._http.fetch(call, models.WebhookDataWithSecret)

    async def delete(self, webhook_id: UUID | str) -> None:
        """Delete a webhook and its secrets; its deliveries and mappings stay.

        Needs the permission delete.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
        )
        await self._http.send(call)
