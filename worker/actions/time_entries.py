"""The action that enters time."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from shared.domain.identifiers import uuid7
from shared.psa.time_entries import TimeEntries, WorkDay
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import (
    ActionFields,
    Boolean,
    ExternalId,
    Integer,
    Lookup,
    Moment,
    Prose,
    ServiceRef,
    ShortText,
    UserRef,
    WorkItemRef,
)
from worker.actions.lookup import claim_external_id, invalid, reference_fault
from worker.actions.registry import ActionOutcome, action

ENTITY_TYPE = "time_entry"
_LONGEST_MINUTES = 366 * 24 * 60


class CreateTimeEntry(ActionFields):
    """A piece of work."""

    user_id: UserRef = Field(description="The user who worked.")
    work_item_type: Literal[
        "ticket", "project_task", "non_billable_category", "ad_hoc", "interaction"
    ] = Field(description="What was worked on.")
    work_item_id: WorkItemRef | None = Field(
        None, description="The entity of that type; only ad_hoc work needs none."
    )
    service_id: ServiceRef = Field(description="The service that it was.")
    start_time: Moment = Field(
        description="When it began, in ISO 8601; a time period has to cover that day where the "
        "user works."
    )
    duration_minutes: Annotated[Integer, Field(gt=0, le=_LONGEST_MINUTES)] = Field(
        description="How long it took."
    )
    notes: Prose | None = Field(None, description="Notes.")
    is_billable: Boolean | None = Field(
        default=True, description="Whether all of it is billable, or nothing."
    )
    tax_region: ShortText | None = Field(None, description="Tax region.")
    external_id: (
        Annotated[
            ExternalId, Lookup(entity_type="time_entry", on_found="reject", on_missing="create")
        ]
        | None
    ) = Field(None, description="The sender's id of the entry.")


@action(
    "createTimeEntry",
    entity_type=ENTITY_TYPE,
    display_name="Create Time Entry",
    description="Create a draft time entry in the user's time sheet of the period. An external id "
    "that already stands for an entry is a conflict.",
)
async def create_time_entry(ctx: ActionContext, fields: CreateTimeEntry) -> ActionOutcome:
    """Create a time entry."""
    if fields.work_item_id is None and fields.work_item_type != "ad_hoc":
        return invalid("work_item_id", f"is needed for work of type {fields.work_item_type}")
    entry_id = uuid7()
    fault = await claim_external_id(ctx, ENTITY_TYPE, fields.external_id, entry_id)
    if fault := fault or await reference_fault(ctx, fields, _work_item(fields)):
        return fault
    entries = TimeEntries(ctx.store)
    day = await entries.find_work_day(fields.user_id, fields.start_time)
    if day is None or day.period_id is None:
        where = f"{day.work_date} in {day.work_time_zone}" if day else "the user's day"
        return invalid("start_time", f"is in no time period: none covers {where}")
    entry = _entry(fields, day)
    await entries.insert(entry_id, entry)
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=entry_id,
        external_id=fields.external_id,
        message="time entry created",
        metadata={
            "billable_duration": entry["billable_duration"],
            "work_item_type": fields.work_item_type,
        },
    )


def _work_item(fields: CreateTimeEntry) -> dict[str, tuple[str, UUID]]:
    """Return the reference that the type of work makes of the work item's id."""
    if fields.work_item_id is None or fields.work_item_type == "ad_hoc":
        return {}
    return {"work_item_id": (fields.work_item_type, fields.work_item_id)}


def _entry(fields: CreateTimeEntry, day: WorkDay) -> dict[str, Any]:
    return {
        "user_id": fields.user_id,
        "period_id": day.period_id,
        "time_sheet_id": uuid7(),
        "work_item_type": fields.work_item_type,
        "work_item_id": fields.work_item_id,
        "service_id": fields.service_id,
        "start_time": fields.start_time,
        "work_date": day.work_date,
        "work_time_zone": day.work_time_zone,
        "duration_minutes": fields.duration_minutes,
        "billable_duration": 0 if fields.is_billable is False else fields.duration_minutes,
        "notes": fields.notes or "",
        "tax_region": fields.tax_region,
    }
