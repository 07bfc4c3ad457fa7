"""The body that says what to replay."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from control_api.delivery_query import Address, SearchText, Text
from control_api.moments import LastMoment, Moment
from control_api.schemas import Body
from shared.ledger.delivery_search import DeliveryConditions

_MOST = 100_000


class ReplayJobBody(Body):
    """Which deliveries to replay, how many at most and how fast; times without a zone are UTC."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "failed", "outcome": "lookup_miss", "per_second": 20}]
        }
    )

    inbound_webhook_id: UUID | None = Field(
        default=None, strict=False, description="null: deliveries of all webhooks."
    )
    status: Literal["failed", "dispatched"] = "failed"
    date_from: Annotated[Moment, Field(strict=False)] | None = None
    date_to: Annotated[LastMoment, Field(strict=False)] | None = None
    idempotency_key: Annotated[Text, Field(examples=["evt-1001"])] | None = None
    external_id: Annotated[Text, Field(examples=["d-17"])] | None = None
    event_type: Annotated[Text, Field(examples=["device.updated"])] | None = None
    source_ip: Annotated[Address, Field(examples=["203.0.113.9"])] | None = None
    outcome: Annotated[Text, Field(examples=["lookup_miss"])] | None = None
    is_test: bool | None = None
    is_replay: bool | None = None
    text: Annotated[SearchText, Field(examples=["front-desk"])] | None = None
    limit: int = Field(default=1000, ge=1, le=_MOST)
    per_second: float = Field(default=10, gt=0, le=1000)

    def conditions(self) -> DeliveryConditions:
        """Return the conditions."""
        return DeliveryConditions(
            dispatch_status=self.status,
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


class ReplayPlanBody(ReplayJobBody):
    """The same, to be planned alone."""

    #: Also tell what replays of the newest ten of them would do, and what is different in that.
    dry_run: bool = False
