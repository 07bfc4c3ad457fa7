"""Events of the PSA store in answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content

_CURSOR = "AQAAAAAAAAAqAAAAAAAAAAc"


class Event(Content):
    """One change in the PSA store."""

    cursor: str = Field(description="Where to go on after it.", examples=[_CURSOR])
    event_number: int = Field(examples=[42])
    occurred_at: datetime
    entity_type: str = Field(examples=["ticket"])
    entity_id: UUID
    event_name: str = Field(examples=["ticket.created"])
    changes: Any = Field(
        description="New value by field; null where it was cleared, true for a document.",
        examples=[{"title": "Disk full", "attributes": True}],
    )
    delivery_id: UUID | None = Field(description="The delivery that made it.")


class EventMeta(Content):
    """Where to go on."""

    next_cursor: str | None = Field(
        description="Give it as after; also where nothing more is there yet.", examples=[_CURSOR]
    )
    has_more: bool
    limit: int = Field(examples=[100])


class EventPage(Content):
    """Events in their order."""

    data: list[Event]
    meta: EventMeta
