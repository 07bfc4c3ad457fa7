"""The action createTimeEntry on a real PSA store."""

from typing import Any

import pytest

from tests.integration.worker.actions.office import NOBODY, Office

ACTION = "createTimeEntry"
REQUIRED: dict[str, Any] = {
    "user_id": "@ada",
    "work_item_type": "ad_hoc",
    "service_id": "@support",
    "start_time": "2026-03-02T10:00:00Z",
    "duration_minutes": 90,
}


async def test_required_fields_make_a_draft(office: Office) -> None:
    """In a new sheet of the user's for the period, billable throughout."""
    outcome = await office.done(ACTION, REQUIRED)
    entry, sheet = await office.row("time_entries"), await office.row("time_sheets")
    assert (sheet["period_id"], sheet["user_id"]) == (office.ids["march"], office.ids["ada"])
    assert (sheet["approval_status"], entry["approval_status"]) == ("DRAFT", "DRAFT")
    assert entry["time_sheet_id"] == sheet["time_sheet_id"]
    assert (entry["user_id"], entry["created_by"]) == (office.ids["ada"], office.ids["ada"])
    assert entry["start_time"].isoformat() == "2026-03-02T10:00:00+00:00"
    assert entry["end_time"].isoformat() == "2026-03-02T11:30:00+00:00"
    assert (entry["work_date"].isoformat(), entry["work_time_zone"]) == ("2026-03-02", "UTC")
    assert (entry["duration_minutes"], entry["billable_duration"]) == (90, 90)
    assert (entry["notes"], entry["tax_region"], entry["work_item_id"]) == ("", None, None)
    assert outcome["entity_id"] == str(entry["entry_id"])
    assert outcome["metadata"] == {"billable_duration": 90, "work_item_type": "ad_hoc"}
    event = await office.last_event()
    assert (event["event_name"], event["entity_id"]) == ("time_entry.created", entry["entry_id"])
    assert await office.mappings() == []


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"notes": "Slow day."}, {"notes": "Slow day."}),
        ({"notes": None}, {"notes": ""}),
        ({"is_billable": False}, {"billable_duration": 0}),
        ({"is_billable": "true"}, {"billable_duration": 90}),
        ({"is_billable": None}, {"billable_duration": 90}),
        ({"tax_region": "DE-BE"}, {"tax_region": "DE-BE"}),
        ({"duration_minutes": "15"}, {"duration_minutes": 15, "billable_duration": 15}),
        ({"duration_minutes": 15.0}, {"duration_minutes": 15}),
    ],
)
async def test_field_fills_its_column(
    office: Office, changes: dict[str, Any], columns: dict[str, Any]
) -> None:
    """Each where it belongs."""
    await office.done(ACTION, REQUIRED | changes)
    entry = await office.row("time_entries")
    assert {name: entry[name] for name in columns} == columns


@pytest.mark.parametrize(
    ("work_item_type", "name", "column"),
    [
        ("non_billable_category", "travel", "non_billable_category_id"),
        ("interaction", "call", "interaction_id"),
    ],
)
async def test_work_item_is_one_of_its_type(
    office: Office, work_item_type: str, name: str, column: str
) -> None:
    """It is referred to by the column that foreign keys watch."""
    body = {"work_item_type": work_item_type, "work_item_id": f"@{name}"}
    outcome = await office.done(ACTION, REQUIRED | body)
    assert outcome["metadata"]["work_item_type"] == work_item_type
    entry = await office.row("time_entries")
    assert entry["work_item_id"] == entry[column] == office.ids[name]


async def test_work_on_a_ticket_and_on_a_task(office: Office) -> None:
    """The minutes of a task add up, also those that are not billable."""
    ticket = {
        "title": "t",
        "client_id": "@contoso",
        "board_id": "@desk",
        "priority_id": "@high",
    }
    made = await office.done("createTicket", ticket)
    body = {**REQUIRED, "work_item_type": "ticket", "work_item_id": made["entity_id"]}
    await office.done(ACTION, body)
    assert str((await office.row("time_entries"))["ticket_id"]) == made["entity_id"]
    made = await office.done("createProjectTask", {"project_id": "@move", "task_name": "t"})
    body = {**REQUIRED, "work_item_type": "project_task", "work_item_id": made["entity_id"]}
    await office.use(ACTION, [*body, "is_billable"])
    await office.handle_at_once([body, {**body, "is_billable": False}] * 10)
    assert (await office.row("project_tasks"))["actual_minutes"] == 20 * 90
    assert len(await office.rows("time_sheets")) == 1


async def test_day_is_that_of_the_users_time_zone(office: Office) -> None:
    """Late on the last of February in UTC it is March in Auckland."""
    late = {"start_time": "2026-02-28T20:00:00Z"}
    await office.done(ACTION, {**REQUIRED, **late, "user_id": "@bo"})
    entry = await office.row("time_entries")
    assert entry["work_date"].isoformat() == "2026-03-01"
    assert entry["work_time_zone"] == "Pacific/Auckland"
    failure = await office.refused(ACTION, {**REQUIRED, **late})
    assert failure["error"] == ("start_time is in no time period: none covers 2026-02-28 in UTC")
    assert (failure["code"], failure["field"]) == ("validation_error", "start_time")


async def test_sheet_is_shared_by_entries_of_one_user_and_period(office: Office) -> None:
    """Entries made at once make one sheet a user."""
    await office.use(ACTION, list(REQUIRED))
    await office.handle_at_once([REQUIRED, {**REQUIRED, "user_id": "@bo"}] * 10)
    assert len(await office.rows("time_entries")) == 20
    assert len(await office.rows("time_sheets")) == 2


async def test_repeated_external_id_is_a_conflict(office: Office) -> None:
    """The entry that it stands for is told."""
    body = {**REQUIRED, "external_id": "E-1"}
    first = await office.done(ACTION, body)
    (mapping,) = await office.mappings()
    assert mapping["entity_type"] == "time_entry"
    failure = await office.refused(ACTION, body)
    assert (failure["code"], failure["entity_id"]) == ("conflict", first["entity_id"])


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"user_id": str(NOBODY)}, "lookup_miss", "user_id"),
        ({"service_id": str(NOBODY)}, "lookup_miss", "service_id"),
        ({"work_item_type": "ticket"}, "validation_error", "work_item_id"),
        (
            {"work_item_type": "interaction", "work_item_id": None},
            "validation_error",
            "work_item_id",
        ),
        *(
            ({"work_item_type": kind, "work_item_id": str(NOBODY)}, "lookup_miss", "work_item_id")
            for kind in ("ticket", "project_task", "non_billable_category", "interaction")
        ),
        (
            {"work_item_type": "ticket", "work_item_id": "@call"},
            "lookup_miss",
            "work_item_id",
        ),
        ({"work_item_type": "holiday"}, "mapping_failed", "work_item_type"),
        ({"start_time": "2026-04-01T00:00:00Z"}, "validation_error", "start_time"),
        ({"start_time": "9999-12-31T23:59:59Z"}, "validation_error", "start_time"),
        ({"start_time": "noon"}, "mapping_failed", "start_time"),
        ({"start_time": None}, "mapping_failed", "start_time"),
        ({"duration_minutes": 0}, "mapping_failed", "duration_minutes"),
        ({"duration_minutes": -5}, "mapping_failed", "duration_minutes"),
        ({"duration_minutes": 1.5}, "mapping_failed", "duration_minutes"),
        ({"duration_minutes": 1_000_000}, "mapping_failed", "duration_minutes"),
        ({"user_id": None}, "mapping_failed", "user_id"),
        ({"service_id": None}, "mapping_failed", "service_id"),
    ],
)
async def test_entry_that_cannot_be_is_refused(
    office: Office, changes: dict[str, Any], code: str, field: str
) -> None:
    """The field is named, and neither entry nor sheet is left."""
    failure = await office.refused(ACTION, REQUIRED | changes)
    assert (failure["code"], failure["field"]) == (code, field)
    assert await office.rows("time_sheets") == []
