"""The resource delivery_streams. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from uuid import UUID

from postern.client import models
from postern.client.calls import Call
from postern.client.events import Event, events, events_async
from postern.client.transport import AsyncHttp, Http


class DeliveryStreams:
    """Calls of delivery_streams."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def tail(
        self,
        *,
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
        after: str | None = None,
        last_event_id: str | None = None,
    ) -> Iterator[Event]:
        """Follow deliveries of all webhooks as server-sent events.

        From a cursor or from now on.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries/tail",
            query={
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
                "after": after,
            },
            headers={"last-event-id": last_event_id},
            accept="text/event-stream",
        )
        return events(self._http.lines(call))

    def tail_of_webhook(
        self,
        webhook_id: UUID | str,
        *,
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
        after: str | None = None,
        last_event_id: str | None = None,
    ) -> Iterator[Event]:
        """Follow deliveries of one webhook as server-sent events.

        From a cursor or from now on.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/tail",
            path={"webhook_id": webhook_id},
            query={
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
                "after": after,
            },
            headers={"last-event-id": last_event_id},
            accept="text/event-stream",
        )
        return events(self._http.lines(call))

    def export(
        self,
        *,
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
        with_bodies: bool | None = None,
        before: UUID | str | None = None,
    ) -> Iterator[models.ExportedDelivery]:
        """Stream every delivery that matches, the newest first, a line of JSON each.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries/export",
            query={
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
                "with_bodies": with_bodies,
                "before": before,
            },
            accept="application/x-ndjson",
        )
        return self._http.items(call, models.ExportedDelivery)

    def export_of_webhook(
        self,
        webhook_id: UUID | str,
        *,
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
        with_bodies: bool | None = None,
        before: UUID | str | None = None,
    ) -> Iterator[models.ExportedDelivery]:
        """Stream every delivery of one webhook that matches, the newest first.

        A line of JSON each.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/export",
            path={"webhook_id": webhook_id},
            query={
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
                "with_bodies": with_bodies,
                "before": before,
            },
            accept="application/x-ndjson",
        )
        return self._http.items(call, models.ExportedDelivery)


class AsyncDeliveryStreams:
    """Calls of delivery_streams."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    def tail(
        self,
        *,
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
        after: str | None = None,
        last_event_id: str | None = None,
    ) -> AsyncIterator[Event]:
        """Follow deliveries of all webhooks as server-sent events.

        From a cursor or from now on.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries/tail",
            query={
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
                "after": after,
            },
            headers={"last-event-id": last_event_id},
            accept="text/event-stream",
        )
        return events_async(self._http.lines(call))

    def tail_of_webhook(
        self,
        webhook_id: UUID | str,
        *,
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
        after: str | None = None,
        last_event_id: str | None = None,
    ) -> AsyncIterator[Event]:
        """Follow deliveries of one webhook as server-sent events.

        From a cursor or from now on.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/tail",
            path={"webhook_id": webhook_id},
            query={
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
                "after": after,
            },
            headers={"last-event-id": last_event_id},
            accept="text/event-stream",
        )
        return events_async(self._http.lines(call))

    def export(
        self,
        *,
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
        with_bodies: bool | None = None,
        before: UUID | str | None = None,
    ) -> AsyncIterator[models.ExportedDelivery]:
        """Stream every delivery that matches, the newest first, a line of JSON each.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries/export",
            query={
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
                "with_bodies": with_bodies,
                "before": before,
            },
            accept="application/x-ndjson",
        )
        return self._http.items(call, models.ExportedDelivery)

    def export_of_webhook(
        self,
        webhook_id: UUID | str,
        *,
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
        with_bodies: bool | None = None,
        before: UUID | str | None = None,
    ) -> AsyncIterator[models.ExportedDelivery]:
        """Stream every delivery of one webhook that matches, the newest first.

        A line of JSON each.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/export",
            path={"webhook_id": webhook_id},
            query={
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
                "with_bodies": with_bodies,
                "before": before,
            },
            accept="application/x-ndjson",
        )
        return self._http.items(call, models.ExportedDelivery)
