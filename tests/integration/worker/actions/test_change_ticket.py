"""The actions that change a ticket by its external id: its fields, its status, its board."""

from typing import Any

import orjson
import pytest

from tests.integration.worker.actions.office import NOBODY, Office

UPDATE = "updateTicketByExternalId"
STATUS = "changeTicketStatusByExternalId"
TICKET: dict[str, Any] = {
    "external_id": "T-1",
    "title": "Disk is full",
    "description": "It hums.",
    "client_id": "@contoso",
    "board_id": "@desk",
    "priority_id": "@high",
    "assigned_to": "@ada",
    "assigned_team_id": "@team",
    "category_id": "@hardware",
    "subcategory_id": "@disk",
    "contact_id": "@cleo",
    "location_id": "@hq",
    "due_date": "2026-03-01",
    "attributes": {"kept": 1, "nested": {"a": 1, "b": 2}},
}
_NULLABLE = [
    "description",
    "assigned_to",
    "assigned_team_id",
    "category_id",
    "subcategory_id",
    "contact_id",
    "location_id",
    "due_date",
]


@pytest.fixture
async def desk(office: Office) -> Office:
    """An office with one ticket that has everything."""
    await office.done("createTicket", TICKET)
    return office


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("title", "Disk is empty", "Disk is empty"),
        ("description", "Fine again.", "Fine again."),
        ("status_id", "@closed", "closed"),
        ("priority_id", "@low", "low"),
        ("assigned_to", "@bo", "bo"),
        ("due_date", "2026-04-01T00:00:00Z", "2026-04-01T00:00:00+00:00"),
        *((field, None, None) for field in _NULLABLE),
    ],
)
async def test_update_changes_what_it_mentions_alone(
    desk: Office, field: str, value: str | None, expected: str | None
) -> None:
    """One column changes, null clears it, and the event tells of it."""
    before = dict(await desk.row("tickets"))
    outcome = await desk.done(UPDATE, {"external_id": "T-1", field: value})
    after = dict(await desk.row("tickets"))
    met = after[field].isoformat() if field == "due_date" and value else after[field]
    assert met == desk.ids.get(str(expected), expected)
    own = {field, "attributes", "updated_at"}
    assert {name for name in before if before[name] != after[name]} == own
    stamp = orjson.loads(after["attributes"])["inbound_webhook"]
    assert stamp["delivery_id"] == str(outcome["delivery_id"])
    assert orjson.loads(after["attributes"])["kept"] == 1
    assert outcome["entity_id"] == str(after["ticket_id"])
    assert outcome["metadata"] == {"updated_fields": [field]}
    event = await desk.last_event()
    assert event["event_name"] == "ticket.updated"
    assert set(event["changes"]) == {field, "attributes"}


async def test_update_that_changes_nothing_leaves_no_event(desk: Office) -> None:
    """What is as it should be is not written again."""
    before = dict(await desk.row("tickets"))
    same = {name: value for name, value in TICKET.items() if name != "attributes"}
    await desk.done(UPDATE, {**same, "attributes": {"kept": 1}})
    assert dict(await desk.row("tickets")) == before
    assert len(await desk.events()) == 1


async def test_attributes_are_merged(desk: Office) -> None:
    """Members are replaced one by one, null removes one; the description stays."""
    patch = {"nested": {"a": None, "c": 3}, "new": True}
    await desk.done(UPDATE, {"external_id": "T-1", "attributes": patch})
    ticket = await desk.row("tickets")
    kept = orjson.loads(ticket["attributes"])
    del kept["inbound_webhook"]
    assert kept == {"kept": 1, "nested": {"b": 2, "c": 3}, "new": True}
    assert ticket["description"] == "It hums."
    await desk.done(UPDATE, {"external_id": "T-1", "attributes": None})
    assert set(orjson.loads((await desk.row("tickets"))["attributes"])) == {"inbound_webhook"}


async def test_attributes_cannot_grow_without_end(desk: Office) -> None:
    """Many small patches do not add up to a document that cannot be kept."""
    body = {"external_id": "T-1", "attributes": {"a": "x" * 700_000}}
    await desk.done(UPDATE, body)
    failure = await desk.refused(UPDATE, {**body, "attributes": {"b": "x" * 700_000}})
    assert (failure["code"], failure["field"]) == ("validation_error", "attributes")
    assert "more than 1048576" in failure["error"]


async def test_ticket_moves_to_another_board_with_a_status_of_it(desk: Office) -> None:
    """Board and status change together."""
    await desk.done(UPDATE, {"external_id": "T-1", "board_id": "@lab", "status_id": "@first"})
    ticket = await desk.row("tickets")
    assert (ticket["board_id"], ticket["status_id"]) == (desk.ids["lab"], desk.ids["first"])


async def test_client_changes_with_its_location(desk: Office) -> None:
    """A new client comes with one of its locations, or with none."""
    body = {"external_id": "T-1", "client_id": "@fabrikam", "location_id": "@plant"}
    await desk.done(UPDATE, body)
    await desk.done(UPDATE, {**body, "client_id": "@contoso", "location_id": None})
    assert (await desk.row("tickets"))["location_id"] is None


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"board_id": "@lab"}, "status_id", "is needed: the board @lab has its own"),
        ({"status_id": "@first"}, "status_id", "@first is no status of the board @desk"),
        (
            {"board_id": "@lab", "status_id": "@closed"},
            "status_id",
            "@closed is no status of the board @lab",
        ),
        ({"client_id": "@fabrikam"}, "location_id", "@hq is no location of the client @fabrikam"),
        ({"location_id": "@plant"}, "location_id", "@plant is no location of the client @contoso"),
        ({"category_id": "@software"}, "subcategory_id", "@disk is no subcategory of @software"),
    ],
)
async def test_update_that_does_not_go_with_what_stays_is_refused(
    desk: Office, changes: dict[str, str], field: str, reason: str
) -> None:
    """What is mentioned has to fit what is not."""
    before = dict(await desk.row("tickets"))
    failure = await desk.refused(UPDATE, {"external_id": "T-1", **changes})
    assert (failure["code"], failure["field"]) == ("validation_error", field)
    assert failure["error"] == f"{field} {desk.resolved(reason)}"
    assert dict(await desk.row("tickets")) == before


@pytest.mark.parametrize("field", ["title", "client_id", "board_id", "status_id", "priority_id"])
async def test_what_a_ticket_needs_cannot_be_cleared(desk: Office, field: str) -> None:
    """Null in a field that has to have a value is told by name."""
    failure = await desk.refused(UPDATE, {"external_id": "T-1", field: None})
    assert (failure["code"], failure["field"]) == ("mapping_failed", field)
    assert failure["faults"][0]["rule"] == "not_nullable"


@pytest.mark.parametrize(
    "field",
    [
        "client_id",
        "board_id",
        "status_id",
        "priority_id",
        "assigned_to",
        "assigned_team_id",
        "category_id",
        "subcategory_id",
        "contact_id",
        "location_id",
    ],
)
async def test_update_checks_references(desk: Office, field: str) -> None:
    """An id that names nothing is told by its field, in front of what it would lead to."""
    body = {"external_id": "T-1", field: str(NOBODY), "status_id": "@closed"}
    body[field] = str(NOBODY)
    failure = await desk.refused(UPDATE, body)
    assert (failure["code"], failure["field"]) == ("lookup_miss", field)


@pytest.mark.parametrize(
    ("action", "rest"),
    [
        (UPDATE, {"title": "t"}),
        (STATUS, {"status_id": "@open"}),
        ("addTicketCommentByExternalId", {"content": "c"}),
    ],
)
async def test_ticket_that_is_not_there_is_a_lookup_miss(
    office: Office, action: str, rest: dict[str, str]
) -> None:
    """An external id without mapping, and a mapping whose ticket is gone, are told apart."""
    failure = await office.refused(action, {"external_id": "T-9", **rest})
    assert failure["error"] == (
        "lookup_miss: webhook rmm-device-updates has no ticket with the external id 'T-9'"
    )
    assert (failure["code"], failure["field"]) == ("lookup_miss", "external_id")
    await office.ledger.insert_mapping("ticket", "T-9", NOBODY)
    failure = await office.refused(action, {"external_id": "T-9", **rest})
    assert (failure["code"], failure["entity_id"]) == ("lookup_miss", str(NOBODY))
    assert "is gone" in failure["error"]


async def test_status_changes(desk: Office) -> None:
    """The ticket has it, the outcome and the event tell it; again it is no change."""
    body = {"external_id": "T-1", "status_id": "@closed"}
    for _ in range(2):
        outcome = await desk.done(STATUS, body)
        assert outcome["metadata"] == {"status_id": str(desk.ids["closed"])}
    assert (await desk.row("tickets"))["status_id"] == desk.ids["closed"]
    _, event = await desk.events()
    assert event["event_name"] == "ticket.status_changed"
    assert set(event["changes"]) == {"status_id", "attributes"}


async def test_status_changes_with_the_board(desk: Office) -> None:
    """A board that is mapped is the one that the status is of; null leaves the ticket's own."""
    await desk.done(STATUS, {"external_id": "T-1", "status_id": "@first", "board_id": "@lab"})
    await desk.done(STATUS, {"external_id": "T-1", "status_id": "@later", "board_id": None})
    ticket = await desk.row("tickets")
    assert (ticket["board_id"], ticket["status_id"]) == (desk.ids["lab"], desk.ids["later"])


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"status_id": "@first"}, "validation_error", "status_id"),
        ({"board_id": "@lab"}, "validation_error", "status_id"),
        ({"status_id": str(NOBODY)}, "lookup_miss", "status_id"),
        ({"board_id": str(NOBODY)}, "lookup_miss", "board_id"),
        ({"status_id": None}, "mapping_failed", "status_id"),
        ({"external_id": ""}, "mapping_failed", "external_id"),
    ],
)
async def test_status_that_cannot_be_is_refused(
    desk: Office, changes: dict[str, str | None], code: str, field: str
) -> None:
    """The ticket stays as it is."""
    body = {"external_id": "T-1", "status_id": "@closed", **changes}
    failure = await desk.refused(STATUS, body)
    assert (failure["code"], failure["field"]) == (code, field)
    assert (await desk.row("tickets"))["status_id"] == desk.ids["open"]


async def test_updates_at_once_do_not_undo_each_other(desk: Office) -> None:
    """Each of fifty deliveries adds its attribute; none is lost."""
    await desk.use(UPDATE, ["external_id", "attributes"])
    bodies = [{"external_id": "T-1", "attributes": {f"k{number}": 1}} for number in range(50)]
    await desk.handle_at_once(bodies)
    kept = orjson.loads((await desk.row("tickets"))["attributes"])
    assert {f"k{number}" for number in range(50)} <= kept.keys()
    assert len(await desk.events()) == 51
