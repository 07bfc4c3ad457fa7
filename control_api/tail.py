"""Deliveries as server-sent events, as they come and as they change."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from control_api.access import Services
from control_api.answers import json_line
from control_api.authentication import Caller
from control_api.presentation import delivery_summary_content
from control_api.tail_cursor import TailCursor
from shared.errors import Transient
from shared.ledger.delivery_search import DeliveryConditions
from shared.ledger.delivery_tail import DeliveryTail, Stretch

#: How often PostgreSQL is asked, and how long it is left alone when it does not answer.
_EVERY_SECONDS = 0.5
_OUTAGE_SECONDS = 2.0
_HEARTBEAT_SECONDS = 15.0
#: Then the client connects again, with its cursor, and its key is looked at anew.
_LONGEST_SECONDS = 900.0
_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRequest:
    """What is followed."""

    caller: Caller
    webhook_id: UUID | None
    conditions: DeliveryConditions
    #: None: from now on.
    cursor: TailCursor | None


async def tail_events(services: Services, request: TailRequest) -> AsyncIterator[bytes]:
    """Yield events until the program stops, or it is time to look at the key again."""
    ends_at = monotonic() + _LONGEST_SECONDS
    cursor = request.cursor
    beat_at = 0.0
    while not services.streams.stopping.is_set() and monotonic() < ends_at:
        try:
            cursor, events = await _step(services, request, cursor)
        except Transient:
            yield b": the database does not answer at the moment\n\n"
            await services.streams.pause(_OUTAGE_SECONDS)
            continue
        for event in events:
            yield event
        if events or monotonic() >= beat_at:
            # Without data it is no event; the client keeps its id all the same.
            yield b": \nid: %b\n\n" % cursor.encode().encode()
            beat_at = monotonic() + _HEARTBEAT_SECONDS
        if cursor.rest is None:
            await services.streams.pause(_EVERY_SECONDS)


async def _step(
    services: Services, request: TailRequest, cursor: TailCursor | None
) -> tuple[TailCursor, list[bytes]]:
    """Return how far the tail is after the next part, and the events of that part."""
    async with services.search_transaction(request.caller) as connection:
        tail = DeliveryTail(connection, request.caller.tenant_id, request.webhook_id)
        if cursor is None:
            return TailCursor(await tail.now()), []
        stretch = cursor.rest or Stretch.between(cursor.seen, await tail.now())
        change = await tail.read(stretch, request.conditions, limit=_AT_ONCE)
    events = []
    for delivery in change.deliveries:
        rest = Stretch(stretch.since, stretch.until, delivery.delivery_id)
        identity = TailCursor(stretch.since, rest).encode().encode()
        line = json_line(delivery_summary_content(delivery))
        events.append(b"id: %b\nevent: delivery\ndata: %b\n\n" % (identity, line.rstrip(b"\n")))
    if change.rest is None:
        return TailCursor(stretch.until), events
    return TailCursor(stretch.since, change.rest), events
