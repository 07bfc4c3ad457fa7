"""Dry runs in answers."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content
from control_api.contents.expressions import JsonType


class FieldFault(Content):
    """Why a field cannot be filled."""

    field: str = Field(examples=["external_id"])
    rule: str = Field(examples=["required"])
    reason: str = Field(examples=["is required, but the expression gave nothing"])
    expression: str | None = Field(default=None, examples=["device.id"])
    position: int | None = Field(default=None, examples=[8])
    value: str | None = Field(default=None, examples=['"x"'])
    wanted: str | None = Field(default=None, examples=["int"])


class DryRunField(Content):
    """What a target field would get."""

    field: str = Field(examples=["external_id"])
    type: str = Field(examples=["string"])
    is_required: bool
    expression: str | None = Field(examples=["device.id"])
    is_set: bool = Field(description="false: it keeps its value, or has its default.")
    value: Any = Field(description="As the action gets it.", examples=["d-17"])
    found_type: JsonType | None = Field(
        description="What the expression found; null: it has a fault.", examples=["string"]
    )
    fault: FieldFault | None


class DryRunLookup(Content):
    """What the action would look up."""

    field: str = Field(examples=["external_id"])
    kind: Literal["external_id", "reference"]
    entity_type: str = Field(examples=["asset"])
    external_id: str | None = Field(examples=["d-17"])
    realm: str | None = Field(examples=["main"])
    entity_id: UUID | None
    entity_name: str | None = Field(examples=["front-desk"])
    is_found: bool | None = Field(description="null: it cannot be told here.")
    then: Literal["create", "update", "use", "reject"] = Field(
        description="What the action does with what is, or is not, there."
    )


class DryRun(Content):
    """What a webhook would do with a body."""

    is_dry_run: Literal[True]
    is_active: bool = Field(description="false: its senders are refused at present.")
    webhook_version: int = Field(examples=[1])
    handler_type: Literal["direct_action", "workflow"]
    action: str | None = Field(examples=["upsertAssetByExternalId"])
    workflow: str | None = Field(examples=["triage-critical-alert"])
    would: Literal["create", "update", "run", "start", "reject"] = Field(
        description="run: the action declares nothing of what it looks up or creates."
    )
    reasons: list[str] = Field(
        description="Why it would be rejected.",
        examples=[["lookup_miss: no client has the external id 'c-1'"]],
    )
    fields: list[DryRunField]
    lookups: list[DryRunLookup]
