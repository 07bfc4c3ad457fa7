"""The action upsertContactByExternalId on a real PSA store."""

from typing import Any

import pytest

from tests.integration.worker.actions.office import NOBODY, Office

ACTION = "upsertContactByExternalId"
REQUIRED = {"external_id": "P-1", "full_name": "Dora", "email": "Dora@Contoso.example"}
CREATE = {**REQUIRED, "client_id": "@contoso"}
OPTIONAL: dict[str, Any] = {
    "role": "Buyer",
    "notes": "Calls on Mondays.",
    "phone": "+49 30 2",
    "is_inactive": True,
}


async def _contact(office: Office) -> dict[str, Any]:
    (row,) = [row for row in await office.rows("contacts") if row["email"].startswith("d")]
    return dict(row)


async def test_required_fields_make_a_contact(office: Office) -> None:
    """The address is kept in lower case, and the external id stands for the contact."""
    outcome = await office.done(ACTION, CREATE)
    contact = await _contact(office)
    assert (contact["full_name"], contact["email"]) == ("Dora", "dora@contoso.example")
    assert contact["client_id"] == office.ids["contoso"]
    assert {name: contact[name] for name in OPTIONAL} == dict.fromkeys(OPTIONAL) | {
        "is_inactive": False
    }
    (mapping,) = await office.mappings()
    assert (mapping["entity_type"], mapping["entity_id"]) == ("contact", contact["contact_id"])
    assert outcome["entity_id"] == str(contact["contact_id"])
    assert outcome["metadata"] == {
        "email": "dora@contoso.example",
        "client_id": str(office.ids["contoso"]),
        "created": True,
    }
    event = await office.last_event()
    assert event["event_name"] == "contact.created"
    assert event["changes"]["email"] == "dora@contoso.example"


@pytest.mark.parametrize("field", OPTIONAL)
async def test_optional_field_fills_changes_and_clears_its_column(
    office: Office, field: str
) -> None:
    """Given, it is there; not mentioned, it stays; null takes it away or back to its default."""
    await office.done(ACTION, {**CREATE, field: OPTIONAL[field]})
    assert (await _contact(office))[field] == OPTIONAL[field]
    await office.done(ACTION, REQUIRED)
    assert (await _contact(office))[field] == OPTIONAL[field]
    assert len(await office.events()) == 1
    await office.done(ACTION, {**REQUIRED, field: None})
    default = False if field == "is_inactive" else None
    assert (await _contact(office))[field] is default
    assert (await office.last_event())["changes"] == {field: default}


async def test_name_and_address_change(office: Office) -> None:
    """A contact keeps its id under another address."""
    first = await office.done(ACTION, CREATE)
    body = {**REQUIRED, "full_name": "Dora D.", "email": "dd@contoso.example"}
    outcome = await office.done(ACTION, body)
    assert outcome["entity_id"] == first["entity_id"]
    assert outcome["metadata"] == {
        "email": "dd@contoso.example",
        "client_id": str(office.ids["contoso"]),
        "created": False,
    }
    contact = await _contact(office)
    assert (contact["full_name"], contact["email"]) == ("Dora D.", "dd@contoso.example")


async def test_client_is_found_by_the_senders_id(office: Office) -> None:
    """On creation and on update; client_id goes first where both are there."""
    await office.map("client", "7", "contoso")
    await office.map("client", "8", "fabrikam")
    await office.done(ACTION, {**REQUIRED, "client_external_id": "7"})
    assert (await _contact(office))["client_id"] == office.ids["contoso"]
    outcome = await office.done(ACTION, {**REQUIRED, "client_external_id": "8"})
    assert outcome["metadata"]["client_id"] == str(office.ids["fabrikam"])
    assert (await _contact(office))["client_id"] == office.ids["fabrikam"]
    await office.done(ACTION, {**CREATE, "client_external_id": "8"})
    assert (await _contact(office))["client_id"] == office.ids["contoso"]


@pytest.mark.parametrize("is_update", [False, True])
@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"client_external_id": "9"}, "lookup_miss", "client_external_id"),
        ({"client_id": str(NOBODY)}, "lookup_miss", "client_id"),
        ({"client_id": None}, "validation_error", "client_id"),
        ({"email": "nobody"}, "mapping_failed", "email"),
        ({"email": None}, "mapping_failed", "email"),
        ({"full_name": ""}, "mapping_failed", "full_name"),
        ({"is_inactive": 0}, "mapping_failed", "is_inactive"),
        ({"email": "CLEO@contoso.example"}, "conflict", "email"),
    ],
)
async def test_contact_that_cannot_be_is_refused(
    office: Office, is_update: bool, changes: dict[str, Any], code: str, field: str
) -> None:
    """The field is named, whether the contact is new or not."""
    body = {**REQUIRED, **changes}
    if is_update:
        await office.done(ACTION, CREATE)
    elif not changes.keys() & {"client_id", "client_external_id"}:
        body["client_id"] = "@contoso"
    failure = await office.refused(ACTION, body)
    assert (failure["code"], failure["field"]) == (code, field)


async def test_new_contact_needs_a_client(office: Office) -> None:
    """Both ways to name one are told."""
    failure = await office.refused(ACTION, REQUIRED)
    assert (failure["code"], failure["field"]) == ("validation_error", "client_id")
    assert "client_id or client_external_id is needed" in failure["error"]


async def test_contact_that_is_gone_is_a_lookup_miss(office: Office) -> None:
    """A mapping that outlived its contact is told with the id."""
    await office.ledger.insert_mapping("contact", "P-1", NOBODY)
    failure = await office.refused(ACTION, CREATE)
    assert (failure["code"], failure["entity_id"]) == ("lookup_miss", str(NOBODY))


async def test_fifty_upserts_at_once_make_one_contact(office: Office) -> None:
    """One of them makes it, the others find it."""
    await office.use(ACTION, list(CREATE))
    outcomes = await office.handle_at_once([CREATE] * 50)
    contact = await _contact(office)
    assert {outcome["entity_id"] for outcome in outcomes} == {str(contact["contact_id"])}
    assert [outcome["metadata"]["created"] for outcome in outcomes].count(True) == 1
