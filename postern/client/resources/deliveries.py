"""The resource deliveries. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from uuid import UUID

from postern.client import models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class Deliveries:
    """Calls of deliveries."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list_by_tenant(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        status: models.DispatchStatus | None = None,
        auth_status: models.AuthStatus | None = None,
        idempotency_key: str | None = None,
        external_id: str | None = None,
        event_type: str | None = None,
        source_ip: str | None = None,
        outcome: str | None = None,
        is_test: bool | None = None,
        is_replay: bool | None = None,
        text: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> models.DeliverySummaryPage:
        """List deliveries of all webhooks, and refused requests for unknown ones.

        Newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries",
            query={
                "limit": limit,
                "cursor": cursor,
                "status": status,
                "auth_status": auth_status,
                "idempotency_key": idempotency_key,
                "external_id": external_id,
                "event_type": event_type,
                "source_ip": source_ip,
                "outcome": outcome,
                "is_test": is_test,
                "is_replay": is_replay,
                "text": text,
                "date_from": date_from,
                "date_to": date_to,
            },
        )
        return self._http.fetch(call, models.DeliverySummaryPage)

    def each_by_tenant(
        self,
        *,
        limit: int | None = None,
        status: models.DispatchStatus | None = None,
        auth_status: models.AuthStatus | None = None,
        idempotency_key: str | None = None,
        external_id: str | None = None,
        event_type: str | None = None,
        source_ip: str | None = None,
        outcome: str | None = None,
        is_test: bool | None = None,
        is_replay: bool | None = None,
        text: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> Iterator[models.DeliverySummary]:
        """Yield what ``list_by_tenant`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_by_tenant(
                limit=limit,
                status=status,
                auth_status=auth_status,
                idempotency_key=idempotency_key,
                external_id=external_id,
                event_type=event_type,
                source_ip=source_ip,
                outcome=outcome,
                is_test=is_test,
                is_replay=is_replay,
                text=text,
                date_from=date_from,
                date_to=date_to,
                cursor=cursor,
            )
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def get(self, delivery_id: UUID | str) -> models.DeliveryDetailData:
        """Get a delivery of any webhook.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries/{delivery_id}",
            path={"delivery_id": delivery_id},
        )
        return self._http.fetch(call, models.DeliveryDetailData)

    def list_by_webhook(
        self,
        webhook_id: UUID | str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        status: models.DispatchStatus | None = None,
        auth_status: models.AuthStatus | None = None,
        idempotency_key: str | None = None,
        external_id: str | None = None,
        event_type: str | None = None,
        source_ip: str | None = None,
        outcome: str | None = None,
        is_test: bool | None = None,
        is_replay: bool | None = None,
        text: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> models.DeliverySummaryPage:
        """List deliveries of one webhook, newest first; of a deleted one, too.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries",
            path={"webhook_id": webhook_id},
            query={
                "limit": limit,
                "cursor": cursor,
                "status": status,
                "auth_status": auth_status,
                "idempotency_key": idempotency_key,
                "external_id": external_id,
                "event_type": event_type,
                "source_ip": source_ip,
                "outcome": outcome,
                "is_test": is_test,
                "is_replay": is_replay,
                "text": text,
                "date_from": date_from,
                "date_to": date_to,
            },
        )
        return self._http.fetch(call, models.DeliverySummaryPage)

    def each_by_webhook(
        self,
        webhook_id: UUID | str,
        *,
        limit: int | None = None,
        status: models.DispatchStatus | None = None,
        auth_status: models.AuthStatus | None = None,
        idempotency_key: str | None = None,
        external_id: str | None = None,
        event_type: str | None = None,
        source_ip: str | None = None,
        outcome: str | None = None,
        is_test: bool | None = None,
        is_replay: bool | None = None,
        text: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> Iterator[models.DeliverySummary]:
        """Yield what ``list_by_webhook`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_by_webhook(
                webhook_id,
                limit=limit,
                status=status,
                auth_status=auth_status,
                idempotency_key=idempotency_key,
                external_id=external_id,
                event_type=event_type,
                source_ip=source_ip,
                outcome=outcome,
                is_test=is_test,
                is_replay=is_replay,
                text=text,
                date_from=date_from,
                date_to=date_to,
                cursor=cursor,
            )
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def get_of_webhook(
        self, webhook_id: UUID | str, delivery_id: UUID | str
    ) -> models.DeliveryDetailData:
        """Get a delivery of this webhook, with its headers and body.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}",
            path={"webhook_id": webhook_id, "delivery_id": delivery_id},
        )
        return self._http.fetch(call, models.DeliveryDetailData)


class AsyncDeliveries:
    """Calls of deliveries."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list_by_tenant(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        status: models.DispatchStatus | None = None,
        auth_status: models.AuthStatus | None = None,
        idempotency_key: str | None = None,
        external_id: str | None = None,
        event_type: str | None = None,
        source_ip: str | None = None,
        outcome: str | None = None,
        is_test: bool | None = None,
        is_replay: bool | None = None,
        text: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> models.DeliverySummaryPage:
        """List deliveries of all webhooks, and refused requests for unknown ones.

        Newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries",
            query={
                "limit": limit,
                "cursor": cursor,
                "status": status,
                "auth_status": auth_status,
                "idempotency_key": idempotency_key,
                "external_id": external_id,
                "event_type": event_type,
                "source_ip": source_ip,
                "outcome": outcome,
                "is_test": is_test,
                "is_replay": is_replay,
                "text": text,
                "date_from": date_from,
                "date_to": date_to,
            },
        )
        return await self._http.fetch(call, models.DeliverySummaryPage)

    async def each_by_tenant(
        self,
        *,
        limit: int | None = None,
        status: models.DispatchStatus | None = None,
        auth_status: models.AuthStatus | None = None,
        idempotency_key: str | None = None,
        external_id: str | None = None,
        event_type: str | None = None,
        source_ip: str | None = None,
        outcome: str | None = None,
        is_test: bool | None = None,
        is_replay: bool | None = None,
        text: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> AsyncIterator[models.DeliverySummary]:
        """Yield what ``list_by_tenant`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_by_tenant(
                limit=limit,
                status=status,
                auth_status=auth_status,
                idempotency_key=idempotency_key,
                external_id=external_id,
                event_type=event_type,
                source_ip=source_ip,
                outcome=outcome,
                is_test=is_test,
                is_replay=is_replay,
                text=text,
                date_from=date_from,
                date_to=date_to,
                cursor=cursor,
            )
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    async def get(self, delivery_id: UUID | str) -> models.DeliveryDetailData:
        """Get a delivery of any webhook.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries/{delivery_id}",
            path={"delivery_id": delivery_id},
        )
        return await self._http.fetch(call, models.DeliveryDetailData)

    async def list_by_webhook(
        self,
        webhook_id: UUID | str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        status: models.DispatchStatus | None = None,
        auth_status: models.AuthStatus | None = None,
        idempotency_key: str | None = None,
        external_id: str | None = None,
        event_type: str | None = None,
        source_ip: str | None = None,
        outcome: str | None = None,
        is_test: bool | None = None,
        is_replay: bool | None = None,
        text: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> models.DeliverySummaryPage:
        """List deliveries of one webhook, newest first; of a deleted one, too.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries",
            path={"webhook_id": webhook_id},
            query={
                "limit": limit,
                "cursor": cursor,
                "status": status,
                "auth_status": auth_status,
                "idempotency_key": idempotency_key,
                "external_id": external_id,
                "event_type": event_type,
                "source_ip": source_ip,
                "outcome": outcome,
                "is_test": is_test,
                "is_replay": is_replay,
                "text": text,
                "date_from": date_from,
                "date_to": date_to,
            },
        )
        return await self._http.fetch(call, models.DeliverySummaryPage)

    async def each_by_webhook(
        self,
        webhook_id: UUID | str,
        *,
        limit: int | None = None,
        status: models.DispatchStatus | None = None,
        auth_status: models.AuthStatus | None = None,
        idempotency_key: str | None = None,
        external_id: str | None = None,
        event_type: str | None = None,
        source_ip: str | None = None,
        outcome: str | None = None,
        is_test: bool | None = None,
        is_replay: bool | None = None,
        text: str | None = None,
        date_from: datetime | str | None = None,
        date_to: datetime | str | None = None,
    ) -> AsyncIterator[models.DeliverySummary]:
        """Yield what ``list_by_webhook`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_by_webhook(
                webhook_id,
                limit=limit,
                status=status,
                auth_status=auth_status,
                idempotency_key=idempotency_key,
                external_id=external_id,
                event_type=event_type,
                source_ip=source_ip,
                outcome=outcome,
                is_test=is_test,
                is_replay=is_replay,
                text=text,
                date_from=date_from,
                date_to=date_to,
                cursor=cursor,
            )
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    async def get_of_webhook(
        self, webhook_id: UUID | str, delivery_id: UUID | str
    ) -> models.DeliveryDetailData:
        """Get a delivery of this webhook, with its headers and body.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}",
            path={"webhook_id": webhook_id, "delivery_id": delivery_id},
        )
        return await self._http.fetch(call, models.DeliveryDetailData)
