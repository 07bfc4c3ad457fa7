"""The resource audit_events. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Literal

from postern.client import models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class AuditEvents:
    """Calls of audit_events."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list_page(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        entity_type: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> models.AuditEventPage:
        """List what was changed, newest first.

        Needs the permission admin.
        """
        call = Call(
            method="GET",
            template="/api/v1/audit-events",
            query={
                "limit": limit,
                "cursor": cursor,
                "actor": actor,
                "action": action,
                "entity_type": entity_type,
                "entity_id": entity_id,
                "request_id": request_id,
                "date_from": date_from,
                "date_to": date_to,
            },
        )
        return self._http.fetch(call, models.AuditEventPage)

    def each(
        self,
        *,
        limit: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        entity_type: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> Iterator[models.AuditEvent]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_page(
                limit=limit,
                actor=actor,
                action=action,
                entity_type=entity_type,
                entity_id=entity_id,
                request_id=request_id,
                date_from=date_from,
                date_to=date_to,
                cursor=cursor,
            )
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def export(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        entity_type: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        format: Literal["ndjson"] | None = None,
    ) -> Iterator[models.AuditEvent]:
        """Stream every event that matches, newest first, a line of JSON each.

        Needs the permission admin.
        """
        call = Call(
            method="GET",
            template="/api/v1/audit-events/export",
            query={
                "actor": actor,
                "action": action,
                "entity_type": entity_type,
                "entity_id": entity_id,
                "request_id": request_id,
                "date_from": date_from,
                "date_to": date_to,
                "format": format,
            },
            accept="application/x-ndjson",
        )
        return self._http.items(call, models.AuditEvent)


class AsyncAuditEvents:
    """Calls of audit_events."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list_page(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        entity_type: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> models.AuditEventPage:
        """List what was changed, newest first.

        Needs the permission admin.
        """
        call = Call(
            method="GET",
            template="/api/v1/audit-events",
            query={
                "limit": limit,
                "cursor": cursor,
                "actor": actor,
                "action": action,
                "entity_type": entity_type,
                "entity_id": entity_id,
                "request_id": request_id,
                "date_from": date_from,
                "date_to": date_to,
            },
        )
        return await self._http.fetch(call, models.AuditEventPage)

    async def each(
        self,
        *,
        limit: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        entity_type: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> AsyncIterator[models.AuditEvent]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_page(
                limit=limit,
                actor=actor,
                action=action,
                entity_type=entity_type,
                entity_id=entity_id,
                request_id=request_id,
                date_from=date_from,
                date_to=date_to,
                cursor=cursor,
            )
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def export(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        entity_type: str | None = None,
        entity_id: str | None = None,
        request_id: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
        format: Literal["ndjson"] | None = None,
    ) -> AsyncIterator[models.AuditEvent]:
        """Stream every event that matches, newest first, a line of JSON each.

        Needs the permission admin.
        """
        call = Call(
            method="GET",
            template="/api/v1/audit-events/export",
            query={
                "actor": actor,
                "action": action,
                "entity_type": entity_type,
                "entity_id": entity_id,
                "request_id": request_id,
                "date_from": date_from,
                "date_to": date_to,
                "format": format,
            },
            accept="application/x-ndjson",
        )
        return self._http.items(call, models.AuditEvent)
