"""Jobs that replay many deliveries, in answers."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content
from control_api.contents.replay_differences import ReplayDifference


class ReplayPlan(Content):
    """What a job would do."""

    count: int = Field(examples=[120])
    limit_reached: bool = Field(description="More deliveries may match.")
    is_complete: bool = Field(description="false: it took too long to look at all of them.")
    scanned_to: datetime | None = Field(
        description="What was received later was not looked at; null: all was."
    )
    oldest_received_at: datetime | None
    newest_received_at: datetime | None
    estimated_seconds: float = Field(description="At the rate asked for.", examples=[12.0])
    differences: list[ReplayDifference] = Field(
        description=(
            "With dry_run: of the newest ten, as far as two seconds suffice, without fields that "
            "stay as they are."
        )
    )


class ReplayJob(Content):
    """A job and its progress."""

    replay_job_id: UUID
    inbound_webhook_id: UUID | None
    conditions: dict[str, Any] = Field(
        description="What deliveries have to be like.", examples=[{"dispatch_status": "failed"}]
    )
    limit: int = Field(examples=[1000])
    per_second: float = Field(examples=[10.0])
    status: Literal["selecting", "running", "done", "cancelled"]
    is_paused: bool
    limit_reached: bool = Field(description="More deliveries may match.")
    selected_count: int = Field(examples=[120])
    replayed_count: int = Field(examples=[40])
    skipped_count: int = Field(
        description="Their webhook was deleted or switched off meanwhile.", examples=[0]
    )
    remaining_seconds: float | None = Field(
        description="At the rate; null while selecting, and at the end.", examples=[8.0]
    )
    created_by: str = Field(examples=["api_key:01890000-0000-7000-8000-000000000001"])
    created_at: datetime
    finished_at: datetime | None
