"""Deliveries in answers."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content, PageMeta
from shared.domain.delivery import AuthStatus, DispatchStatus


class DeliverySummary(Content):
    """A delivery without its request's headers and body."""

    delivery_id: UUID
    tenant: UUID = Field(description="Id of the tenant.")
    inbound_webhook_id: UUID | None = Field(
        description="null: the request named a webhook that the tenant does not have."
    )
    webhook_version: int | None = Field(
        description="The one that it was accepted under.", examples=[1]
    )
    secret_id: UUID | None = Field(
        description=(
            "The webhook's secret that verified an accepted request; null: it needs none, was "
            "refused, or is a test or a replay."
        )
    )
    received_at: datetime
    request_method: str = Field(examples=["POST"])
    request_path: str = Field(examples=["/api/inbound/acme/rmm-device-updates"])
    source_ip: str = Field(examples=["203.0.113.9"])
    idempotency_key: str | None = Field(examples=["evt-1001"])
    idempotency_fault: str | None = Field(
        description="Why no idempotency key could be found.", examples=["timeout"]
    )
    ordering_key: str | None = Field(examples=["d-17"])
    auth_status: AuthStatus
    dispatch_status: DispatchStatus
    response_status: int = Field(description="What the sender was answered.", examples=[200])
    handler_outcome: dict[str, Any] | None = Field(
        description="What the handler did, or why it did not.", examples=[{"action": "created"}]
    )
    duration_ms: float | None = Field(examples=[4.2])
    retry_count: int = Field(examples=[0])
    next_attempt_at: datetime | None
    completed_at: datetime | None
    is_replay: bool
    is_test: bool
    replayed_from: UUID | None
    duplicate_of: UUID | None
    event_type: str | None = Field(
        description="As the sender names it, in a header or at the top of the body.",
        examples=["device.updated"],
    )
    request_body_bytes: int | None = Field(
        description="null: it was never authenticated, and its body was not kept.", examples=[54]
    )


class DeliveryPageMeta(PageMeta):
    """Where the next page begins, and how far a search has come."""

    is_partial: bool = Field(
        description="The search stopped before the page was full; the cursor goes on with it."
    )
    scanned_to: datetime | None = Field(
        description="What was received before this was not looked at; null: all was."
    )


class DeliverySummaryPage(Content):
    """Some deliveries, and where the list goes on."""

    data: list[DeliverySummary]
    meta: DeliveryPageMeta


class Attempt(Content):
    """One attempt at a delivery."""

    attempt: int = Field(description="0 is the first.", examples=[0])
    started_at: datetime
    duration_ms: float = Field(examples=[4.2])
    outcome: dict[str, Any] = Field(examples=[{"action": "created"}])


class WorkflowRun(Content):
    """The run of a workflow that a delivery started."""

    run_id: str = Field(examples=["inbound-webhook:0197f2a4-5b1c-7d3e-8f4a-5b6c7d8e9f01"])
    workflow: str = Field(examples=["triage-critical-alert"])
    engine: Literal["dbos", "temporal"]
    status: Literal["running", "succeeded", "failed", "cancelled", "lost"] = Field(
        description="lost: its engine does not know it any more."
    )
    result: Any = Field(
        description="What the workflow returned; null unless it succeeded.",
        examples=[{"ticket_id": "T-17"}],
    )
    error: str | None = Field(examples=["ValueError: too severe"])
    started_at: datetime
    refreshed_at: datetime = Field(description="When the engine was last asked about it.")
    ended_at: datetime | None = Field(description="When it was found to have ended.")


class Explanation(Content):
    """What there is to say about one thing, in sentences."""

    about: Literal["delivery", "idempotency_key"]
    what_happened: str = Field(examples=["It was handled at the first attempt."])
    why: str = Field(examples=["The handler reported: asset created."])
    what_to_do: str = Field(examples=["Nothing."])


class ReplayLink(Content):
    """A replay of a delivery."""

    delivery_id: UUID
    dispatch_status: DispatchStatus
    received_at: datetime


class DeliveryLinks(Content):
    """Where what belongs to a delivery is found."""

    body: str | None = Field(
        examples=["/api/v1/deliveries/01890000-0000-7000-8000-000000000001/body"]
    )
    replayed_from: str | None = Field(
        examples=["/api/v1/deliveries/01890000-0000-7000-8000-000000000002"]
    )
    duplicate_of: str | None = Field(
        examples=["/api/v1/deliveries/01890000-0000-7000-8000-000000000003"]
    )


class Delivery(DeliverySummary):
    """A delivery with all that was received, each attempt at it and its workflow's run."""

    user_agent: str | None = Field(examples=["rmm/1"])
    request_headers: dict[str, str] = Field(
        description="Without credentials.", examples=[{"content-type": "application/json"}]
    )
    request_body: Any = Field(
        description="The JSON itself, or {raw} where request_body_encoding is text or base64.",
        examples=[{"device": {"id": "d-17", "hostname": "front-desk"}}],
    )
    request_body_encoding: Literal["json", "text", "base64"] | None
    attempts: list[Attempt]
    workflow_run: WorkflowRun | None = Field(description="null: it started none.")


class DeliveryDetail(Delivery):
    """A delivery with what it means and what belongs to it."""

    explanations: list[Explanation]
    replays: list[ReplayLink] = Field(description="The newest hundred of them, newest first.")
    links: DeliveryLinks


class ExportedDelivery(DeliverySummary):
    """A line of an export."""

    request_headers: dict[str, str] | None = Field(
        default=None,
        description="There with with_bodies.",
        examples=[{"content-type": "application/json"}],
    )
    request_body_base64: str | None = Field(
        default=None, description="There with with_bodies.", examples=["e30="]
    )


class BulkReplay(Content):
    """The replays that were made."""

    count: int = Field(examples=[2])
    limit_reached: bool = Field(description="More deliveries may match.")
    delivery_ids: list[UUID] = Field(description="The first hundred of the new deliveries.")
