"""The project task actions on a real PSA store."""

from typing import Any

import pytest

from tests.integration.worker.actions.office import NOBODY, Office

CREATE = "createProjectTask"
STATUS = "updateProjectTaskStatusByExternalId"
REQUIRED = {"project_id": "@move", "task_name": "Order boxes"}


async def test_task_begins_in_the_first_phase_with_the_first_status(office: Office) -> None:
    """By number, 2 comes in front of 10; the project's statuses in front of those of all."""
    outcome = await office.done(CREATE, REQUIRED)
    task = await office.row("project_tasks")
    assert (task["project_id"], task["phase_id"]) == (office.ids["move"], office.ids["second"])
    assert task["project_status_mapping_id"] == office.ids["ready"]
    assert (task["task_name"], task["wbs_code"]) == ("Order boxes", "2.1")
    assert task["task_type_key"] == "task"
    unset = ("description", "assigned_to", "estimated_hours", "due_date", "priority_id")
    assert [task[name] for name in unset] == [None] * len(unset)
    assert outcome["entity_type"] == "project_task"
    assert outcome["entity_id"] == str(task["task_id"])
    assert outcome["metadata"] == {
        "phase_id": str(office.ids["second"]),
        "project_status_mapping_id": str(office.ids["ready"]),
    }
    event = await office.last_event()
    assert (event["event_name"], event["entity_id"]) == ("project_task.created", task["task_id"])


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("phase_id", "@tenth", "tenth"),
        ("phase_id", None, "second"),
        ("project_status_mapping_id", "@doing", "doing"),
        ("project_status_mapping_id", "@todo", "todo"),
        ("description", "Thirty of them.", "Thirty of them."),
        ("assigned_to", "@ada", "ada"),
        ("estimated_hours", 1.25, 1.25),
        ("estimated_hours", "2", 2),
        ("due_date", "2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("priority_id", "@low", "low"),
        ("task_type_key", "bug", "bug"),
        ("task_type_key", None, "task"),
        ("service_id", "@support", "support"),
    ],
)
async def test_optional_field_fills_its_column(
    office: Office, field: str, value: object, expected: object
) -> None:
    """Every field is found in the column of its name."""
    await office.done(CREATE, {**REQUIRED, field: value})
    task = await office.row("project_tasks")
    met = task[field].isoformat() if field == "due_date" else task[field]
    assert met == office.ids.get(str(expected), expected)


async def test_phase_with_statuses_of_its_own_begins_with_those(office: Office) -> None:
    """Whatever their order is among all."""
    await office.done(CREATE, {**REQUIRED, "phase_id": "@tenth"})
    task = await office.row("project_tasks")
    assert task["project_status_mapping_id"] == office.ids["cleaning"]
    assert task["wbs_code"] == "10.1"


async def test_project_without_statuses_has_those_of_all(office: Office) -> None:
    """The first of them."""
    phase = {"project_id": "@bare", "name": "Only", "wbs_code": "1"}
    await office.insert("only", "project_phases", "phase_id", phase)
    await office.done(CREATE, {**REQUIRED, "project_id": "@bare"})
    task = await office.row("project_tasks")
    assert task["project_status_mapping_id"] == office.ids["todo"]


async def test_project_is_found_by_the_senders_id(office: Office) -> None:
    """project_id goes first where both are there."""
    await office.map("project", "P", "move")
    await office.done(CREATE, {"project_external_id": "P", "task_name": "a"})
    await office.done(CREATE, {**REQUIRED, "project_external_id": "nothing"})
    assert {row["project_id"] for row in await office.rows("project_tasks")} == {
        office.ids["move"]
    }


async def test_tasks_made_at_once_are_numbered_without_gaps(office: Office) -> None:
    """Each has its own place in the work breakdown."""
    await office.use(CREATE, list(REQUIRED))
    await office.handle_at_once([REQUIRED] * 20)
    codes = {row["wbs_code"] for row in await office.rows("project_tasks")}
    assert codes == {f"2.{number}" for number in range(1, 21)}


async def test_repeated_external_id_is_a_conflict(office: Office) -> None:
    """The task that it stands for is told."""
    first = await office.done(CREATE, {**REQUIRED, "external_id": "K-1"})
    failure = await office.refused(CREATE, {**REQUIRED, "external_id": "K-1"})
    assert (failure["code"], failure["entity_id"]) == ("conflict", first["entity_id"])
    assert failure["field"] == "external_id"


@pytest.mark.parametrize(
    ("body", "code", "field", "part"),
    [
        ({"task_name": "a"}, "validation_error", "project_id", "or project_external_id is needed"),
        (
            {"task_name": "a", "project_external_id": "P"},
            "lookup_miss",
            "project_external_id",
            "no project with the external id 'P'",
        ),
        (
            {"task_name": "a", "project_external_id": "gone"},
            "lookup_miss",
            "project_external_id",
            str(NOBODY),
        ),
        ({**REQUIRED, "project_id": str(NOBODY)}, "lookup_miss", "project_id", str(NOBODY)),
        ({**REQUIRED, "phase_id": str(NOBODY)}, "lookup_miss", "phase_id", str(NOBODY)),
        (
            {**REQUIRED, "project_status_mapping_id": str(NOBODY)},
            "lookup_miss",
            "project_status_mapping_id",
            str(NOBODY),
        ),
        ({**REQUIRED, "assigned_to": str(NOBODY)}, "lookup_miss", "assigned_to", str(NOBODY)),
        ({**REQUIRED, "priority_id": str(NOBODY)}, "lookup_miss", "priority_id", str(NOBODY)),
        ({**REQUIRED, "service_id": str(NOBODY)}, "lookup_miss", "service_id", str(NOBODY)),
        (
            {**REQUIRED, "project_id": "@bare"},
            "validation_error",
            "phase_id",
            "has no phases",
        ),
        (
            {**REQUIRED, "project_id": "@bare", "phase_id": "@second"},
            "validation_error",
            "phase_id",
            "is no phase of the project",
        ),
        (
            {**REQUIRED, "project_status_mapping_id": "@cleaning"},
            "validation_error",
            "project_status_mapping_id",
            "is no status of the phase",
        ),
        ({**REQUIRED, "task_name": " "}, "mapping_failed", "task_name", "at least 1 character"),
        ({**REQUIRED, "estimated_hours": -1}, "mapping_failed", "estimated_hours", "greater"),
        ({**REQUIRED, "estimated_hours": "NaN"}, "mapping_failed", "estimated_hours", "finite"),
    ],
)
async def test_task_that_cannot_be_is_refused(
    office: Office, body: dict[str, Any], code: str, field: str, part: str
) -> None:
    """The field is named with the reason."""
    await office.ledger.insert_mapping("project", "gone", NOBODY)
    failure = await office.refused(CREATE, body)
    assert (failure["code"], failure["field"]) == (code, field)
    assert part in failure["error"]


async def test_task_needs_a_status(office: Office) -> None:
    """A tenant without any status is told so."""
    await office.ledger.pool.execute(
        "delete from psa.project_status_mappings where tenant_id = $1", office.ledger.tenant_id
    )
    failure = await office.refused(CREATE, REQUIRED)
    assert failure["field"] == "project_status_mapping_id"
    assert "is needed: there is no status" in failure["error"]


async def test_status_changes(office: Office) -> None:
    """The task keeps its place; the same status again is no change."""
    await office.done(CREATE, {**REQUIRED, "external_id": "K-1"})
    body = {"external_id": "K-1", "project_status_mapping_id": "@doing"}
    for _ in range(2):
        outcome = await office.done(STATUS, body)
        assert outcome["metadata"] == {"project_status_mapping_id": str(office.ids["doing"])}
    task = await office.row("project_tasks")
    assert (task["project_status_mapping_id"], task["wbs_code"]) == (office.ids["doing"], "2.1")
    _, event = await office.events()
    assert event["event_name"] == "project_task.status_changed"
    assert event["changes"] == {"project_status_mapping_id": str(office.ids["doing"])}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"external_id": "K-9"}, "lookup_miss", "external_id"),
        ({"external_id": "gone"}, "lookup_miss", "external_id"),
        (
            {"project_status_mapping_id": str(NOBODY)},
            "lookup_miss",
            "project_status_mapping_id",
        ),
        (
            {"project_status_mapping_id": "@cleaning"},
            "validation_error",
            "project_status_mapping_id",
        ),
        ({"project_status_mapping_id": None}, "mapping_failed", "project_status_mapping_id"),
    ],
)
async def test_status_that_cannot_be_is_refused(
    office: Office, changes: dict[str, Any], code: str, field: str
) -> None:
    """The field is named, and the task stays."""
    await office.done(CREATE, {**REQUIRED, "external_id": "K-1"})
    await office.ledger.insert_mapping("project_task", "gone", NOBODY)
    body = {"external_id": "K-1", "project_status_mapping_id": "@doing", **changes}
    failure = await office.refused(STATUS, body)
    assert (failure["code"], failure["field"]) == (code, field)
