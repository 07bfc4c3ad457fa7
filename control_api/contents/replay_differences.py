"""Dry runs of replays in answers: what was, beside what would be."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from control_api.contents.dry_runs import DryRunLookup, FieldFault
from control_api.contents.envelope import Content
from shared.domain.delivery import DispatchStatus


class HandlerSide(Content):
    """What a webhook does with deliveries by one of its versions."""

    webhook_version: int | None = Field(description="null: not recorded.", examples=[1])
    handler_type: Literal["direct_action", "workflow"]
    action: str | None = Field(examples=["upsertAssetByExternalId"])
    workflow: str | None = Field(examples=["triage-critical-alert"])


class FieldSide(Content):
    """What a target field gets."""

    expression: str | None = Field(examples=["device.id"])
    is_set: bool = Field(description="false: it keeps its value, or has its default.")
    value: Any = Field(description="As the action gets it.", examples=["d-17"])
    is_shortened: bool = Field(
        description="The value is long: in its place is the beginning of its JSON."
    )
    fault: FieldFault | None


class FieldDifference(Content):
    """A target field, before and after."""

    field: str = Field(examples=["external_id"])
    change: Literal["same", "changed", "added", "removed", "unknown"] = Field(
        description="added: only now it is set; removed: it is not any more."
    )
    before: FieldSide | None
    after: FieldSide | None


class ReplayDifference(Content):
    """What a replay would do beside what became of the delivery; nothing was done.

    Both sides are of the same body: the expressions of before are evaluated anew, so that what
    depends on the time, such as $now(), is of this moment.
    """

    is_dry_run: Literal[True]
    delivery_id: UUID
    inbound_webhook_id: UUID
    received_at: datetime
    dispatch_status: DispatchStatus
    outcome: dict[str, Any] | None = Field(
        description="The recorded one.", examples=[{"action": "upsertAssetByExternalId"}]
    )
    is_active: bool = Field(description="false: the webhook is switched off; no replay is made.")
    is_authentication_checked: Literal[False] = Field(
        description="Replays are not authenticated anew, nor was this."
    )
    basis: Literal["configuration", "not_handled", "unknown"] = Field(
        description=(
            "What before is taken from. configuration: the one that handled the delivery; "
            "not_handled: it was refused before a handler ran; unknown: the configuration is not "
            "kept any more, or no worker runs its action."
        )
    )
    before: HandlerSide | None
    after: HandlerSide
    is_handler_changed: bool | None = Field(
        description="Another action or workflow, or another kind; null: it cannot be told."
    )
    would: Literal["create", "update", "run", "start", "reject"]
    reasons: list[str] = Field(
        description="Why it would be rejected.",
        examples=[["lookup_miss: no client has the external id 'c-1'"]],
    )
    fields: list[FieldDifference] = Field(
        description="Of each field that either side maps or faults."
    )
    lookups: list[DryRunLookup]
