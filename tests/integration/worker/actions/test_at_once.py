"""Deliveries at the same moment that want the same external id, name or address: one has it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.worker.actions.office import Office

_TASK = {"project_id": "@move", "task_name": "Pack"}
_ENTRY = {
    "user_id": "@ada",
    "work_item_type": "ad_hoc",
    "service_id": "@support",
    "start_time": "2026-03-02T09:00:00Z",
    "duration_minutes": 30,
}
_CLIENT = {"client_name": "Tailspin"}
_CONTACT = {"full_name": "Dora", "email": "dora@contoso.example", "client_id": "@contoso"}


@pytest.mark.parametrize(
    ("action", "body", "table"),
    [
        ("createProjectTask", _TASK, "project_tasks"),
        ("createTimeEntry", _ENTRY, "time_entries"),
    ],
)
async def test_fifty_at_once_of_one_external_id_make_one(
    office: Office, action: str, body: Mapping[str, Any], table: str
) -> None:
    """One is made; the others are told precisely which one has the external id."""
    await office.use(action, [*body, "external_id"])
    outcomes = await office.handle_at_once([{**body, "external_id": "X-1"}] * 50)
    made = [outcome for outcome in outcomes if outcome["state"] == "dispatched"]
    refused = [outcome for outcome in outcomes if outcome["state"] == "failed"]
    assert (len(made), len(refused)) == (1, 49)
    assert len(await office.rows(table)) == len(await office.mappings()) == 1
    assert {(item["code"], item["field"]) for item in refused} == {("conflict", "external_id")}
    assert {item["entity_id"] for item in refused} == {made[0]["entity_id"]}


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("upsertClientByExternalId", _CLIENT, "client_name"),
        ("upsertContactByExternalId", _CONTACT, "email"),
    ],
)
async def test_fifty_at_once_of_one_name_leave_it_to_one(
    office: Office, action: str, body: Mapping[str, Any], field: str
) -> None:
    """Each has an external id of its own; those who come late fail with the field, for good."""
    await office.use(action, [*body, "external_id"])
    outcomes = await office.handle_at_once(
        [{**body, "external_id": f"X-{number}"} for number in range(50)]
    )
    refused = [outcome for outcome in outcomes if outcome["state"] != "dispatched"]
    assert len(refused) == 49
    states = {(item["state"], item["code"], item["field"]) for item in refused}
    assert states == {("failed", "conflict", field)}
    assert len(await office.mappings()) == len(await office.events()) == 1
