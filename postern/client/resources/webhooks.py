"""The resource webhooks. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal
from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class Webhooks:
    """Calls of webhooks."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(
        self, body: bodies.WebhookBody, *, idempotency_key: str | None = None
    ) -> models.WebhookDataWithSecret:
        """Create a webhook; the answer is the only one that holds its secret.

        Needs the permission create.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.WebhookDataWithSecret)

    def list_page(
        self,
        *,
        limit: int | None = None,
        sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]
        | None = None,
        cursor: str | None = None,
        name: str | None = None,
        slug: str | None = None,
        auth_type: Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"]
        | None = None,
        handler_type: Literal["direct_action", "workflow"] | None = None,
        action: str | None = None,
        workflow: str | None = None,
        is_active: bool | None = None,
    ) -> models.WebhookSummaryPage:
        """List webhooks that match, newest first or in the order that is asked for.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks",
            query={
                "limit": limit,
                "sort": sort,
                "cursor": cursor,
                "name": name,
                "slug": slug,
                "auth_type": auth_type,
                "handler_type": handler_type,
                "action": action,
                "workflow": workflow,
                "is_active": is_active,
            },
        )
        return self._http.fetch(call, models.WebhookSummaryPage)

    def each(
        self,
        *,
        limit: int | None = None,
        sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]
        | None = None,
        name: str | None = None,
        slug: str | None = None,
        auth_type: Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"]
        | None = None,
        handler_type: Literal["direct_action", "workflow"] | None = None,
        action: str | None = None,
        workflow: str | None = None,
        is_active: bool | None = None,
    ) -> Iterator[models.WebhookSummary]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_page(
                limit=limit,
                sort=sort,
                name=name,
                slug=slug,
                auth_type=auth_type,
                handler_type=handler_type,
                action=action,
                workflow=workflow,
                is_active=is_active,
                cursor=cursor,
            )
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
        self, webhook_id: UUID | str, body: bodies.WebhookBody, *, if_match: str | None = None
    ) -> models.WebhookDataWithSecret:
        """Replace a webhook; what the body leaves out gets its default, a secret stays.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
            headers={"if-match": if_match},
            body=body,
        )
        return self._http.fetch(call, models.WebhookDataWithSecret)

    def patch(
        self,
        webhook_id: UUID | str,
        body: bodies.WebhookPatchBody | None = None,
        *,
        if_match: str | None = None,
    ) -> models.WebhookDataWithSecret:
        """Change a webhook by a JSON Merge Patch (RFC 7396).

        A secret stays unless the patch has one.

        The patched webhook is judged as a whole, like a replacement.

        Needs the permission update.
        """
        call = Call(
            method="PATCH",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
            headers={"if-match": if_match},
            body=body,
        )
        return self._http.fetch(call, models.WebhookDataWithSecret)

    def delete(self, webhook_id: UUID | str, *, if_match: str | None = None) -> None:
        """Delete a webhook and its secrets; its deliveries and mappings stay.

        Needs the permission delete.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
            headers={"if-match": if_match},
        )
        self._http.send(call)


class AsyncWebhooks:
    """Calls of webhooks."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def create(
        self, body: bodies.WebhookBody, *, idempotency_key: str | None = None
    ) -> models.WebhookDataWithSecret:
        """Create a webhook; the answer is the only one that holds its secret.

        Needs the permission create.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.WebhookDataWithSecret)

    async def list_page(
        self,
        *,
        limit: int | None = None,
        sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]
        | None = None,
        cursor: str | None = None,
        name: str | None = None,
        slug: str | None = None,
        auth_type: Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"]
        | None = None,
        handler_type: Literal["direct_action", "workflow"] | None = None,
        action: str | None = None,
        workflow: str | None = None,
        is_active: bool | None = None,
    ) -> models.WebhookSummaryPage:
        """List webhooks that match, newest first or in the order that is asked for.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks",
            query={
                "limit": limit,
                "sort": sort,
                "cursor": cursor,
                "name": name,
                "slug": slug,
                "auth_type": auth_type,
                "handler_type": handler_type,
                "action": action,
                "workflow": workflow,
                "is_active": is_active,
            },
        )
        return await self._http.fetch(call, models.WebhookSummaryPage)

    async def each(
        self,
        *,
        limit: int | None = None,
        sort: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]
        | None = None,
        name: str | None = None,
        slug: str | None = None,
        auth_type: Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"]
        | None = None,
        handler_type: Literal["direct_action", "workflow"] | None = None,
        action: str | None = None,
        workflow: str | None = None,
        is_active: bool | None = None,
    ) -> AsyncIterator[models.WebhookSummary]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_page(
                limit=limit,
                sort=sort,
                name=name,
                slug=slug,
                auth_type=auth_type,
                handler_type=handler_type,
                action=action,
                workflow=workflow,
                is_active=is_active,
                cursor=cursor,
            )
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
        self, webhook_id: UUID | str, body: bodies.WebhookBody, *, if_match: str | None = None
    ) -> models.WebhookDataWithSecret:
        """Replace a webhook; what the body leaves out gets its default, a secret stays.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
            headers={"if-match": if_match},
            body=body,
        )
        return await self._http.fetch(call, models.WebhookDataWithSecret)

    async def patch(
        self,
        webhook_id: UUID | str,
        body: bodies.WebhookPatchBody | None = None,
        *,
        if_match: str | None = None,
    ) -> models.WebhookDataWithSecret:
        """Change a webhook by a JSON Merge Patch (RFC 7396).

        A secret stays unless the patch has one.

        The patched webhook is judged as a whole, like a replacement.

        Needs the permission update.
        """
        call = Call(
            method="PATCH",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
            headers={"if-match": if_match},
            body=body,
        )
        return await self._http.fetch(call, models.WebhookDataWithSecret)

    async def delete(self, webhook_id: UUID | str, *, if_match: str | None = None) -> None:
        """Delete a webhook and its secrets; its deliveries and mappings stay.

        Needs the permission delete.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}",
            path={"webhook_id": webhook_id},
            headers={"if-match": if_match},
        )
        await self._http.send(call)
