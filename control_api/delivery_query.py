"""Which deliveries a caller asks for, in the query of a list, an export or a tail."""

import ipaddress
from typing import Annotated, Any

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from control_api.moments import LastMoment, Moment
from control_api.pagination import PageQuery, encode_cursor
from control_api.presentation import delivery_summary_content
from shared.domain.delivery import AuthStatus, DispatchStatus
from shared.domain.identifiers import uuid7_moment
from shared.ledger.delivery_search import DeliveryConditions, Found

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
    date_from: Moment | None = None
    date_to: LastMoment | None = None
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
            received_from=self.date_from,
            received_to=self.date_to,
            idempotency_key=self.idempotency_key,
            external_id=self.external_id,
            event_type=self.event_type,
            source_address=self.source_ip,
            outcome=self.outcome,
            is_test=self.is_test,
            is_replay=self.is_replay,
            text=self.text,
        )


class DeliveryQuery(ConditionsQuery, PageQuery):
    """A page of deliveries; times without a zone are UTC."""


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
