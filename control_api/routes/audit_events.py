"""The audit trail: who changed what and when."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from control_api.access import Admin, Provided, Services
from control_api.answers import answer, ndjson
from control_api.authentication import Caller
from control_api.contents import audit_events as contents
from control_api.contents.envelope import Page
from control_api.documentation import documented, ndjson_of
from control_api.moments import LastMoment, Moment
from control_api.pagination import PageQuery, page_content
from shared.ledger.audit import AuditFilter, AuditTrail, RecordedAuditEvent

router = APIRouter(prefix="/api/v1/audit-events", tags=["audit"])

_EXPORTED_AT_ONCE = 500

_Word = Annotated[str, Field(min_length=1, max_length=255)]


class AuditConditions(BaseModel):
    """Which events are meant; times without a zone are UTC."""

    model_config = ConfigDict(extra="forbid")

    actor: _Word | None = Field(default=None, description="Exactly, such as api_key:<id>.")
    action: _Word | None = Field(default=None, description="Exactly, such as webhook.replaced.")
    entity_type: _Word | None = Field(default=None, description="Such as webhook.")
    entity_id: _Word | None = None
    request_id: _Word | None = None
    date_from: Moment | None = None
    date_to: LastMoment | None = None

    def filter(self) -> AuditFilter:
        """Return the conditions."""
        exact = self.entity_type is not None and self.entity_id is not None
        return AuditFilter(
            actor=self.actor,
            action=self.action,
            target=f"{self.entity_type}:{self.entity_id}" if exact else None,
            target_kind=None if exact else self.entity_type,
            target_id=None if exact else self.entity_id,
            request_id=self.request_id,
            occurred_from=self.date_from,
            occurred_to=self.date_to,
        )


class AuditQuery(AuditConditions, PageQuery):
    """Conditions and a page."""


class AuditExportQuery(AuditConditions):
    """Conditions of an export."""

    format: Literal["ndjson"] = "ndjson"


@router.get("")
@documented(answer=Page[contents.AuditEvent])
async def list_page(
    services: Provided, caller: Admin, wanted: Annotated[AuditQuery, Query()]
) -> Response:
    """List what was changed, newest first."""
    found = await _read(services, caller, wanted.filter(), after=wanted.after, limit=wanted.probe)
    return answer(
        page_content(found, wanted, key=lambda event: event.event_id, present=audit_event_content)
    )


@router.get("/export")
@documented(answer=ndjson_of(contents.AuditEvent))
async def export(
    services: Provided, caller: Admin, wanted: Annotated[AuditExportQuery, Query()]
) -> Response:
    """Stream every event that matches, newest first, a line of JSON each."""
    return ndjson(_exported(services, caller, wanted.filter()), filename="audit-events.ndjson")


def audit_event_content(event: RecordedAuditEvent) -> dict[str, Any]:
    """Return an event as it is answered."""
    entity_type, _, entity_id = event.target.partition(":")
    return {
        "audit_event_id": event.event_id,
        "occurred_at": event.occurred_at,
        "actor": event.actor,
        "action": event.action,
        "entity_type": entity_type,
        "entity_id": entity_id,
        "request_id": event.request_id,
        "details": orjson.Fragment(event.details),
        "changes": None if event.changes is None else orjson.Fragment(event.changes),
    }


async def _exported(
    services: Services, caller: Caller, wanted: AuditFilter
) -> AsyncIterator[dict[str, Any]]:
    """Yield events page by page, so that a slow reader holds no connection to PostgreSQL."""
    after: UUID | None = None
    while found := await _read(services, caller, wanted, after=after, limit=_EXPORTED_AT_ONCE):
        for event in found:
            yield audit_event_content(event)
        after = found[-1].event_id


async def _read(
    services: Services, caller: Caller, wanted: AuditFilter, *, after: UUID | None, limit: int
) -> list[RecordedAuditEvent]:
    async with services.transaction(caller) as connection:
        return await AuditTrail(connection).list_page(
            caller.tenant_id, wanted, after=after, limit=limit
        )
