"""The action createTicket on a real PSA store."""

from typing import Any

import orjson
import pytest

from tests.integration.worker.actions.office import NOBODY, Office

ACTION = "createTicket"
REQUIRED = {
    "title": "Disk is full",
    "client_id": "@contoso",
    "board_id": "@desk",
    "priority_id": "@high",
}


async def test_required_fields_alone_make_a_ticket(office: Office) -> None:
    """It has the board's default status, the next number, and notes where it came from."""
    outcome = await office.done(ACTION, REQUIRED)
    ticket = await office.row("tickets")
    assert (ticket["title"], ticket["client_id"]) == ("Disk is full", office.ids["contoso"])
    assert (ticket["board_id"], ticket["priority_id"]) == (office.ids["desk"], office.ids["high"])
    assert ticket["status_id"] == office.ids["open"]
    assert (ticket["source"], ticket["ticket_origin"]) == ("webhook", "api")
    assert ticket["ticket_number"] == "1"
    stamp = {"delivery_id": str(outcome["delivery_id"]), "slug": "rmm-device-updates"}
    assert orjson.loads(ticket["attributes"]) == {"inbound_webhook": stamp}
    unset = ("description", "assigned_to", "category_id", "contact_id", "location_id", "due_date")
    assert [ticket[name] for name in unset] == [None] * len(unset)
    assert outcome["entity_type"] == "ticket"
    assert outcome["entity_id"] == str(ticket["ticket_id"])
    assert outcome["external_id"] is None
    assert outcome["metadata"] == {"ticket_number": "1"}
    assert (await office.traces())[1] == 0


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("description", "It hums.\nLoudly.", "It hums.\nLoudly."),
        ("description", None, None),
        ("status_id", "@closed", "closed"),
        ("status_id", None, "open"),
        ("assigned_to", "@ada", "ada"),
        ("assigned_team_id", "@team", "team"),
        ("category_id", "@hardware", "hardware"),
        ("subcategory_id", "@disk", "disk"),
        ("contact_id", "@cleo", "cleo"),
        ("location_id", "@hq", "hq"),
        ("due_date", "2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00+00:00"),
        ("due_date", "2026-03-01", "2026-03-01T00:00:00+00:00"),
    ],
)
async def test_optional_field_fills_its_column(
    office: Office, field: str, value: str | None, expected: str | None
) -> None:
    """Every field is found in the column of its name."""
    await office.done(ACTION, {**REQUIRED, field: value})
    ticket = await office.row("tickets")
    met = ticket[field].isoformat() if field == "due_date" else ticket[field]
    assert met == office.ids.get(str(expected), expected)


async def test_first_status_stands_in_for_a_default_one(office: Office) -> None:
    """Where a board marks no status as its default, the one of the lowest order is taken."""
    await office.done(ACTION, {**REQUIRED, "board_id": "@lab"})
    assert (await office.row("tickets"))["status_id"] == office.ids["first"]


async def test_attributes_are_kept_beside_the_description(office: Office) -> None:
    """Neither displaces the other; the note of the delivery is Postern's own."""
    attributes = {"sla": {"hours": 4}, "gone": None, "inbound_webhook": "mine"}
    await office.done(ACTION, {**REQUIRED, "description": "d", "attributes": attributes})
    ticket = await office.row("tickets")
    kept = orjson.loads(ticket["attributes"])
    assert ticket["description"] == "d"
    assert kept["sla"] == {"hours": 4}
    assert "gone" not in kept
    assert kept["inbound_webhook"]["slug"] == "rmm-device-updates"


async def test_asset_is_associated_as_affected(office: Office) -> None:
    """The association is there, made by nobody but the delivery."""
    await office.done(ACTION, {**REQUIRED, "asset_id": "@server"})
    link = await office.row("asset_associations")
    assert link["asset_id"] == office.ids["server"]
    assert link["ticket_id"] == (await office.row("tickets"))["ticket_id"]
    assert (link["relationship"], link["created_by"]) == ("affected", None)


async def test_external_id_is_mapped_and_a_repeat_conflicts(office: Office) -> None:
    """The second ticket of one external id is refused with the name of the first."""
    first = await office.done(ACTION, {**REQUIRED, "external_id": "T-1"})
    (mapping,) = await office.mappings()
    assert (mapping["entity_type"], mapping["external_id"]) == ("ticket", "T-1")
    assert str(mapping["entity_id"]) == first["entity_id"]
    assert mapping["webhook_id"] == office.ledger.webhook_id
    again = await office.refused(ACTION, {**REQUIRED, "external_id": "T-1"})
    assert again["error"] == (
        f"external_id 'T-1' already stands for the ticket {first['entity_id']}"
    )
    assert (again["code"], again["field"]) == ("conflict", "external_id")
    assert again["entity_id"] == first["entity_id"]
    await office.row("tickets")


async def test_external_id_of_another_type_does_not_conflict(office: Office) -> None:
    """A client and a ticket may have one external id."""
    await office.map("client", "7", "contoso")
    await office.done(ACTION, {**REQUIRED, "external_id": "7"})


async def test_fifty_at_once_of_one_external_id_make_one_ticket(office: Office) -> None:
    """One of them wins; the others are told which ticket it made."""
    await office.use(ACTION, [*REQUIRED, "external_id"])
    outcomes = await office.handle_at_once([{**REQUIRED, "external_id": "T-1"}] * 50)
    ticket = await office.row("tickets")
    states = sorted((outcome["state"], outcome.get("code")) for outcome in outcomes)
    assert states == [("dispatched", None), *[("failed", "conflict")] * 49]
    assert {outcome["entity_id"] for outcome in outcomes} == {str(ticket["ticket_id"])}


async def test_numbers_of_tickets_made_at_once_have_no_gaps(office: Office) -> None:
    """Failures in between take no number for good."""
    await office.use(ACTION, list(REQUIRED))
    faulty = {**REQUIRED, "board_id": "@empty"}
    outcomes = await office.handle_at_once([REQUIRED, faulty] * 20)
    numbers = [
        int(outcome["metadata"]["ticket_number"])
        for outcome in outcomes
        if outcome["state"] == "dispatched"
    ]
    assert sorted(numbers) == list(range(1, 21))


async def test_number_follows_the_tenants_settings(office: Office) -> None:
    """Prefix and start are the tenant's."""
    await office.ledger.pool.execute(
        "insert into psa.tenant_settings values ($1, 'TIC-', 1000)", office.ledger.tenant_id
    )
    outcome = await office.done(ACTION, REQUIRED)
    assert outcome["metadata"] == {"ticket_number": "TIC-1001"}


async def test_event_tells_what_was_made(office: Office) -> None:
    """In the same transaction: entity, delivery, and the values; of documents only that."""
    outcome = await office.done(ACTION, {**REQUIRED, "assigned_to": "@ada"})
    event = await office.last_event()
    assert (event["entity_type"], event["event_name"]) == ("ticket", "ticket.created")
    assert str(event["entity_id"]) == outcome["entity_id"]
    assert event["delivery_id"] == outcome["delivery_id"]
    assert event["changes"]["title"] == "Disk is full"
    assert event["changes"]["assigned_to"] == str(office.ids["ada"])
    assert event["changes"]["attributes"] is True


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"title": "   "}, "string_too_short"),
        ({"title": "t" * 256}, "string_too_long"),
        ({"title": None}, "required"),
        ({"client_id": ""}, "required"),
        ({"board_id": None}, "required"),
        ({"priority_id": None}, "required"),
        ({"client_id": "not-a-uuid"}, "uuid_parsing"),
        ({"assigned_to": 7}, "uuid_type"),
        ({"due_date": "soon"}, "value_error"),
        ({"attributes": "a"}, "dict_type"),
        ({"description": {"a": 1}}, "value_error"),
        ({"external_id": "x" * 256}, "string_too_long"),
    ],
)
async def test_faulty_value_is_named(office: Office, changes: dict[str, Any], rule: str) -> None:
    """A value that the field cannot have fails with field and rule."""
    (field,) = changes
    failure = await office.refused(ACTION, {**REQUIRED, **changes})
    assert (failure["code"], failure["field"]) == ("mapping_failed", field)
    assert failure["faults"][0]["rule"] == rule


@pytest.mark.parametrize(
    ("field", "entity_type"),
    [
        ("client_id", "client"),
        ("board_id", "board"),
        ("status_id", "ticket_status"),
        ("priority_id", "ticket_priority"),
        ("assigned_to", "user"),
        ("assigned_team_id", "team"),
        ("category_id", "ticket_category"),
        ("subcategory_id", "ticket_subcategory"),
        ("contact_id", "contact"),
        ("location_id", "client_location"),
        ("asset_id", "asset"),
    ],
)
async def test_reference_to_nothing_is_named(office: Office, field: str, entity_type: str) -> None:
    """Each reference is looked up before anything is written."""
    failure = await office.refused(ACTION, {**REQUIRED, field: str(NOBODY)})
    assert (failure["code"], failure["field"]) == ("lookup_miss", field)
    assert failure["error"] == f"lookup_miss: there is no {entity_type} {NOBODY}"
    assert failure["entity_type"] == entity_type


async def test_all_references_to_nothing_are_named_at_once(office: Office) -> None:
    """Whoever mends the mapping sees every miss."""
    body = {**REQUIRED, "client_id": str(NOBODY), "asset_id": str(NOBODY)}
    failure = await office.refused(ACTION, body)
    assert [fault["field"] for fault in failure["faults"]] == ["client_id", "asset_id"]
    assert "client_id: there is no client" in failure["error"]


@pytest.mark.parametrize(
    ("field", "value", "entity_type"),
    [
        ("category_id", "@disk", "ticket_category"),
        ("subcategory_id", "@hardware", "ticket_subcategory"),
    ],
)
async def test_category_and_subcategory_are_told_apart(
    office: Office, field: str, value: str, entity_type: str
) -> None:
    """A subcategory is no category, nor the other way about."""
    failure = await office.refused(ACTION, {**REQUIRED, field: value})
    assert (failure["field"], failure["entity_type"]) == (field, entity_type)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"status_id": "@first"}, "status_id", "@first is no status of the board @desk"),
        ({"board_id": "@empty"}, "status_id", "is needed: the board @empty has no statuses"),
        ({"location_id": "@plant"}, "location_id", "@plant is no location of the client @contoso"),
        (
            {"category_id": "@software", "subcategory_id": "@disk"},
            "subcategory_id",
            "@disk is no subcategory of @software",
        ),
    ],
)
async def test_values_that_do_not_go_together_are_named(
    office: Office, changes: dict[str, str], field: str, reason: str
) -> None:
    """Status and board, location and client, subcategory and category are each other's."""
    failure = await office.refused(ACTION, {**REQUIRED, **changes})
    assert (failure["code"], failure["field"]) == ("validation_error", field)
    assert failure["error"] == f"{field} {office.resolved(reason)}"


async def test_another_tenants_reference_is_a_miss(office: Office) -> None:
    """Ids reach no further than the tenant."""
    stranger = Office(type(office.ledger)(office.ledger.pool), office.processor)
    await stranger.ledger.insert_tenant(f"stranger-{stranger.ledger.tenant_id}")
    client_id = await stranger.insert("theirs", "clients", "client_id", {"name": "Theirs"})
    failure = await office.refused(ACTION, {**REQUIRED, "client_id": str(client_id)})
    assert (failure["code"], failure["field"]) == ("lookup_miss", "client_id")
