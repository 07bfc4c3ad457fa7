"""Deliveries as streams: a tail of what happens, and an export of what is recorded."""

import base64
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from control_api.access import Provided, Reader, Services
from control_api.answers import json_line
from control_api.authentication import Caller
from control_api.contents.deliveries import DeliverySummary, ExportedDelivery
from control_api.delivery_query import ExportQuery, TailQuery
from control_api.documentation import Media, documented, ndjson_of
from control_api.presentation import delivery_summary_content, headers_content
from control_api.streams import CountedStream
from control_api.tail import TailRequest, tail_events
from shared.errors import NotFound
from shared.ledger.delivery_search import DeliverySearch, Found, ListedDelivery
from shared.ledger.webhooks import Webhooks

router = APIRouter(prefix="/api/v1", tags=["deliveries"])

#: In memory at a time; with bodies, a few of the largest that gateways take.
_AT_ONCE = 200
_AT_ONCE_WITH_BODIES = 20
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_NDJSON = _HEADERS | {
    "content-type": "application/x-ndjson",
    "content-disposition": 'attachment; filename="deliveries.ndjson"',
}
#: Proxies that would collect what is to be seen at once are told not to.
_EVENTS = _HEADERS | {"content-type": "text/event-stream", "x-accel-buffering": "no"}

_EVENTS_MEDIA = Media(
    "text/event-stream", "Events named delivery; their ids are cursors.", item=DeliverySummary
)
_LINES_MEDIA = ndjson_of(ExportedDelivery)
_FAULTS = {429: "as many streams are open as a caller may have"}

LastEventId = Annotated[str | None, Header()]


@router.get("/deliveries/tail")
@documented(answer=_EVENTS_MEDIA, faults=_FAULTS)
async def tail(
    services: Provided,
    caller: Reader,
    wanted: Annotated[TailQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """Follow deliveries of all webhooks as server-sent events, from a cursor or from now on."""
    return _tail(services, caller, wanted, last_event_id=last_event_id)


@router.get("/inbound-webhooks/{webhook_id}/deliveries/tail")
@documented(answer=_EVENTS_MEDIA, faults=_FAULTS)
async def tail_of_webhook(
    services: Provided,
    caller: Reader,
    webhook_id: UUID,
    *,
    wanted: Annotated[TailQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """Follow deliveries of one webhook as server-sent events, from a cursor or from now on."""
    await _check_webhook(services, caller, webhook_id)
    return _tail(services, caller, wanted, last_event_id=last_event_id, webhook_id=webhook_id)


@router.get("/deliveries/export")
@documented(answer=_LINES_MEDIA, faults=_FAULTS)
async def export(
    services: Provided, caller: Reader, wanted: Annotated[ExportQuery, Query()]
) -> Response:
    """Stream every delivery that matches, the newest first, a line of JSON each."""
    return _export(services, caller, wanted)


@router.get("/inbound-webhooks/{webhook_id}/deliveries/export")
@documented(answer=_LINES_MEDIA, faults=_FAULTS)
async def export_of_webhook(
    services: Provided,
    caller: Reader,
    webhook_id: UUID,
    wanted: Annotated[ExportQuery, Query()],
) -> Response:
    """Stream every delivery of one webhook that matches, the newest first, a line of JSON each."""
    await _check_webhook(services, caller, webhook_id)
    return _export(services, caller, wanted, webhook_id=webhook_id)


async def _check_webhook(services: Services, caller: Caller, webhook_id: UUID) -> None:
    async with services.transaction(caller) as connection:
        if await Webhooks(connection).find(caller.tenant_id, webhook_id) is None:
            raise NotFound(f"there is no webhook {webhook_id}")


def _tail(
    services: Services,
    caller: Caller,
    wanted: TailQuery,
    *,
    last_event_id: str | None,
    webhook_id: UUID | None = None,
) -> Response:
    request = TailRequest(
        caller=caller,
        webhook_id=webhook_id,
        conditions=wanted.conditions(),
        cursor=wanted.start(last_event_id),
    )
    return CountedStream(
        tail_events(services, request),
        streams=services.streams,
        key=caller.actor,
        kind="tail",
        headers=_EVENTS,
    )


def _export(
    services: Services, caller: Caller, wanted: ExportQuery, *, webhook_id: UUID | None = None
) -> Response:
    return CountedStream(
        _exported(services, caller, wanted, webhook_id=webhook_id),
        streams=services.streams,
        key=caller.actor,
        kind="export",
        headers=_NDJSON,
    )


async def _exported(
    services: Services, caller: Caller, wanted: ExportQuery, *, webhook_id: UUID | None
) -> AsyncIterator[bytes]:
    """Yield lines, some deliveries per transaction, so that a slow reader holds none open."""
    before = wanted.before
    while True:
        async with services.search_transaction(caller) as connection:
            search = DeliverySearch(connection, caller.tenant_id, webhook_id)
            found, lines = await _exported_part(search, wanted, before=before)
        for line in lines:
            yield line
        if found.stopped_at is None:
            return
        before = found.stopped_at


async def _exported_part(
    search: DeliverySearch, wanted: ExportQuery, *, before: UUID | None
) -> tuple[Found, list[bytes]]:
    limit = _AT_ONCE_WITH_BODIES if wanted.with_bodies else _AT_ONCE
    found = await search.newest(wanted.conditions(), before=before, limit=limit)
    ids = [delivery.delivery_id for delivery in found.deliveries]
    received = await search.bodies(ids) if wanted.with_bodies else {}
    return found, [
        json_line(_line(delivery, received.get(delivery.delivery_id)))
        for delivery in found.deliveries
    ]


def _line(delivery: ListedDelivery, received: tuple[bytes, bytes | None] | None) -> dict[str, Any]:
    content = delivery_summary_content(delivery)
    if received is None:
        return content
    headers, body = received
    return content | {
        "request_headers": headers_content(headers),
        "request_body_base64": None if body is None else base64.b64encode(body).decode(),
    }
