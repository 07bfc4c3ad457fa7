"""Audit events in answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content


class Change(Content):
    """A field that differs; one that was not there before has no before, and likewise after."""

    field: str = Field(examples=["rate_limit_per_minute"])
    before: Any = Field(default=None, examples=[60])
    after: Any = Field(default=None, examples=[61])


class Changes(Content):
    """What differs, with secrets masked."""

    fields: list[Change]
    omitted: int = Field(description="Fields beyond what is kept.", examples=[0])


class AuditEvent(Content):
    """One change, and who made it."""

    audit_event_id: UUID
    occurred_at: datetime
    actor: str = Field(examples=["api_key:01890000-0000-7000-8000-000000000001"])
    action: str = Field(examples=["webhook.replaced"])
    entity_type: str = Field(examples=["webhook"])
    entity_id: str = Field(examples=["01890000-0000-7000-8000-000000000001"])
    request_id: str | None = Field(
        description="The request that made it; null: a command did.", examples=["01890000"]
    )
    details: dict[str, Any] = Field(examples=[{"secret_replaced": True}])
    changes: Changes | None = Field(description="null where nothing was compared.")
