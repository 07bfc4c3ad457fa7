"""Which deliveries a caller asks for, in the query of a list, an export or a tail."""

import ipaddress
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from control_api.moments import LastMoment, Moment
from control_api.pagination import PageQuery, encode_cursor
from control_api.presentation import delivery_summary_content
from control_api.tail_cursor import TailCursor
from shared.clock import unix_ms
from shared.domain.delivery import AuthStatus, DispatchStatus
from shared.domain.identifiers import uuid7_moment
from shared.errors import Fault, InvalidInput
from shared.ledger.delivery_search import DeliveryConditions, Found

_CLOCKS_DIFFER_MS = 60_000
_OLDEST_CURSOR_MS = 24 * 3600 * 1000
#: What an address is recorded as where a proxy told none.
_UNKNOWN = "unknown"


def _address(text: str) -> str:
    if text == _UNKNOWN:
        return text
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise PydanticCustomError(
            "network", "Give an IPv4 or IPv6 address, a network such as 10.1.0.0/16, or unknown"
        ) from None


#: Any text that PostgreSQL can hold.
Text = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^\x00]*$")]
SearchText = Annotated[str, StringConstraints(min_length=2, max_length=200, pattern=r"^[^\x00]*$")]
Address = Annotated[str, AfterValidator(_address)]


class ConditionsQuery(BaseModel):
    """Which deliveries are meant: all that is given has to fit; what is misspelt is refused."""

    model_config = ConfigDict(extra="forbid")

    status: DispatchStatus | None = None
    auth_status: AuthStatus | None = None
    idempotency_key: Text | None = None
    external_id: Text | None = None
    event_type: Text | None = None
    source_ip: Address | None = None
    outcome: Text | None = None
    is_test: bool | None = None
    is_replay: bool | None = None
    text: SearchText | None = None

    def conditions(self) -> DeliveryConditions:
        """Return the conditions."""
        return DeliveryConditions(
            dispatch_status=self.status,
            auth_status=self.auth_status,
            idempotency_key=self.idempotency_key,
            external_id=self.external_id,
            event_type=self.event_type,
            source_address=self.source_ip,
            outcome=self.outcome,
            is_test=self.is_test,
            is_replay=self.is_replay,
            text=self.text,
        )


class DatedQuery(ConditionsQuery):
    """Which deliveries of which time are meant; times without a zone are UTC."""

    date_from: Moment | None = None
    date_to: LastMoment | None = None

    def conditions(self) -> DeliveryConditions:
        """Return the conditions."""
        return replace(
            super().conditions(), received_from=self.date_from, received_to=self.date_to
        )


class DeliveryQuery(DatedQuery, PageQuery):
    """A page of deliveries."""


class ExportQuery(DatedQuery):
    """An export of deliveries."""

    #: Whether lines have headers and body of the request, the body in base64.
    with_bodies: bool = False
    #: The delivery of the last line of an export that broke off: go on after it.
    before: UUID | None = None


class TailQuery(ConditionsQuery):
    """Which deliveries to follow."""

    #: The id of the last event that was seen.
    after: Annotated[str, Field(max_length=65_536)] | None = None

    def start(self, last_event_id: str | None) -> TailCursor | None:
        """Return where to go on, None for now; what a reconnecting client says goes first.

        Raises:
            InvalidInput: That is no cursor, or an old one.
        """
        text = last_event_id or self.after
        if not text:
            return None
        try:
            cursor = TailCursor.decode(text)
        except ValueError:
            message = "Take cursors from the ids of events"
            raise InvalidInput(message, faults=[Fault("after", "cursor", message)]) from None
        age_ms = unix_ms() - cursor.seen.at_ms
        if not -_CLOCKS_DIFFER_MS < age_ms < _OLDEST_CURSOR_MS:
            message = "The cursor is more than a day old; list what happened since"
            raise InvalidInput(message, faults=[Fault("after", "maximum_age", message)])
        return cursor


Wanted = Annotated[DeliveryQuery, Query()]


def delivery_page(found: Found, wanted: DeliveryQuery) -> dict[str, Any]:
    """Return a page, from a search for ``wanted.probe`` deliveries.

    A search that stopped early gives a page that is short, or empty, and has a cursor still.
    """
    shown = found.deliveries[: wanted.limit]
    is_full = len(found.deliveries) > wanted.limit
    last = shown[-1].delivery_id if is_full else found.stopped_at
    return {
        "data": [delivery_summary_content(delivery) for delivery in shown],
        "meta": {
            "next_cursor": None if last is None else encode_cursor(last),
            "limit": wanted.limit,
            "is_partial": last is not None and not is_full,
            "scanned_to": None if last is None else uuid7_moment(last),
        },
    }
