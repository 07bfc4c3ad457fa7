"""What changed in the PSA store, for those who follow it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from control_api.access import Provided, Reader
from control_api.answers import answer
from control_api.contents import events as contents
from control_api.documentation import documented
from control_api.event_cursors import decode_event_cursor, encode_event_cursor
from shared.errors import Conflict
from shared.psa.events import Event, EventCursor, Events

router = APIRouter(prefix="/api/v1/psa", tags=["events"])

_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1000


class EventsForgotten(Conflict):
    """Events after this cursor are past their retention; begin anew without ``after``."""

    code = "events_forgotten"


def _check_cursor(text: str) -> str:
    try:
        decode_event_cursor(text)
    except ValueError:
        raise PydanticCustomError(
            "cursor", "Take cursors from meta.next_cursor of an earlier answer"
        ) from None
    return text


class EventsQuery(BaseModel):
    """Where to go on, and how far; a misspelt parameter is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[str, AfterValidator(_check_cursor)] | None = None
    limit: int = Field(default=_DEFAULT_LIMIT, ge=1, le=_MAX_LIMIT)

    @property
    def cursor(self) -> EventCursor | None:
        """Return the place after which to go on; None is the beginning."""
        return None if self.after is None else decode_event_cursor(self.after)


@router.get("/events")
@documented(
    answer=contents.EventPage,
    faults={409: "events after this cursor are past their retention; begin anew without after"},
)
async def list_events(
    services: Provided, caller: Reader, query: Annotated[EventsQuery, Query()]
) -> Response:
    """List events in their order, from the oldest that is kept or from after a cursor.

    An event that is not listed yet comes after every cursor given so far, whatever transaction
    commits late. ``meta.next_cursor`` is where to go on, also where nothing is there yet.
    """
    begin = query.cursor or EventCursor()
    async with services.transaction(caller) as connection:
        events = Events(connection)
        found = await events.list_after(caller.tenant_id, begin, limit=query.limit + 1)
        horizon = await events.find_horizon(caller.tenant_id)
    if query.cursor is not None and horizon is not None and query.cursor < horizon:
        raise EventsForgotten
    shown = found[: query.limit]
    following = encode_event_cursor(shown[-1].cursor) if shown else query.after
    return answer(
        {
            "data": [event_content(event) for event in shown],
            "meta": {
                "next_cursor": following,
                "has_more": len(found) > query.limit,
                "limit": query.limit,
            },
        }
    )


def event_content(event: Event) -> dict[str, Any]:
    """Return an event as it is answered."""
    return {
        "cursor": encode_event_cursor(event.cursor),
        "event_number": event.cursor.event_number,
        "occurred_at": event.occurred_at,
        "entity_type": event.entity_type,
        "entity_id": event.entity_id,
        "event_name": event.event_name,
        "changes": event.changes,
        "delivery_id": event.delivery_id,
    }
