"""What actions write for billing: profiles, and a new client's tax settings and contract."""

from typing import Any

import pytest

from tests.integration.worker.actions.office import Office

CLIENT = "upsertClientByExternalId"
CREATE = "createTicket"
UPDATE = "updateTicketByExternalId"
_CLIENT = {"external_id": "C-1", "client_name": "Northwind"}
_TICKET = {
    "external_id": "T-1",
    "title": "Disk is full",
    "client_id": "@contoso",
    "board_id": "@desk",
    "priority_id": "@high",
}


async def _profile(office: Office, name: str, location: str, client: str) -> None:
    """Make a billing profile of a client the default of one of its locations."""
    columns = {"client_id": f"@{client}", "name": name}
    await office.insert(name, "billing_profiles", "billing_profile_id", columns)
    await office.ledger.pool.execute(
        "update psa.locations set default_billing_profile_id = $2 where location_id = $1",
        office.ids[location],
        office.ids[name],
    )


@pytest.fixture
async def desk(office: Office) -> Office:
    """An office with two clients, each with a location that has a billing profile."""
    await _profile(office, "by-hq", "hq", "contoso")
    await _profile(office, "by-plant", "plant", "fabrikam")
    return office


async def test_ticket_takes_the_profile_of_its_location(desk: Office) -> None:
    """It is told in the event of the ticket's creation."""
    await desk.done(CREATE, {**_TICKET, "location_id": "@hq"})
    assert (await desk.row("tickets"))["billing_profile_id"] == desk.ids["by-hq"]
    (event,) = await desk.events()
    assert event["changes"]["billing_profile_id"] == str(desk.ids["by-hq"])


async def test_ticket_without_a_location_that_has_one_has_no_profile(desk: Office) -> None:
    """Neither the client's default nor another location's stands in."""
    await desk.insert("shed", "locations", "location_id", {"client_id": "@contoso", "name": "S"})
    for changes in ({}, {"location_id": "@shed", "external_id": "T-2"}):
        await desk.done(CREATE, {**_TICKET, **changes})
    assert [row["billing_profile_id"] for row in await desk.rows("tickets")] == [None, None]


@pytest.mark.parametrize(
    ("changes", "profile"),
    [
        ({"client_id": "@fabrikam", "location_id": "@plant"}, "by-plant"),
        ({"client_id": "@fabrikam", "location_id": None}, None),
        ({"location_id": None}, "by-hq"),
        ({"title": "Disk is empty"}, "by-hq"),
    ],
)
async def test_profile_goes_with_the_client(
    desk: Office, changes: dict[str, Any], profile: str | None
) -> None:
    """A ticket that goes to another client is not billed by the old one's; else it keeps its."""
    await desk.done(CREATE, {**_TICKET, "location_id": "@hq"})
    await desk.done(UPDATE, {"external_id": "T-1", **changes})
    profile_id = desk.ids.get(str(profile))
    assert (await desk.row("tickets"))["billing_profile_id"] == profile_id
    told = (await desk.last_event())["changes"]
    assert ("billing_profile_id" in told) == ("client_id" in changes)
    assert told.get("billing_profile_id") == (
        str(desk.ids["by-plant"]) if profile == "by-plant" else None
    )


async def test_new_client_has_a_default_profile(office: Office) -> None:
    """One, which its event names; an update makes no other."""
    outcome = await office.done(CLIENT, _CLIENT)
    await office.done(CLIENT, {**_CLIENT, "city": "Berlin"})
    profile = await office.row("billing_profiles")
    assert str(profile["client_id"]) == outcome["entity_id"]
    assert (profile["name"], profile["is_default"]) == ("Default", True)
    created, updated = await office.events()
    assert created["changes"]["billing_profile_id"] == str(profile["billing_profile_id"])
    assert set(updated["changes"]) == {"city"}


async def test_new_client_without_defaults_of_the_tenant(office: Office) -> None:
    """It is taxed as usual, and has no contract."""
    outcome = await office.done(CLIENT, _CLIENT)
    tax = await office.row("client_tax_settings")
    assert str(tax["client_id"]) == outcome["entity_id"]
    assert tax["tax_region"] is None
    assert (tax["is_tax_exempt"], tax["is_reverse_charge"]) == (False, False)
    assert await office.rows("client_contracts") == []
    assert (await office.last_event())["changes"]["contract_id"] is None


@pytest.mark.parametrize("is_inactive", [False, True])
@pytest.mark.parametrize("flags", [(True, False), (False, True)])
async def test_new_client_has_the_tenants_defaults(
    office: Office, flags: tuple[bool, bool], *, is_inactive: bool
) -> None:
    """Tax settings and, while it is in use, the contract; the event tells them."""
    contract = {"name": "Standard", "is_inactive": is_inactive}
    contract_id = await office.insert("standard", "contracts", "contract_id", contract)
    await office.ledger.pool.execute(
        "insert into psa.tenant_settings (tenant_id, default_contract_id, default_tax_region, "
        "default_is_tax_exempt, default_is_reverse_charge) values ($1, $2, 'DE', $3, $4)",
        office.ledger.tenant_id,
        contract_id,
        *flags,
    )
    await office.done(CLIENT, _CLIENT)
    tax = await office.row("client_tax_settings")
    assert (tax["tax_region"], tax["is_tax_exempt"], tax["is_reverse_charge"]) == ("DE", *flags)
    contracts = await office.rows("client_contracts")
    assert [row["contract_id"] for row in contracts] == ([] if is_inactive else [contract_id])
    told = (await office.last_event())["changes"]
    assert (told["tax_region"], told["is_tax_exempt"], told["is_reverse_charge"]) == ("DE", *flags)
    assert told["contract_id"] == (None if is_inactive else str(contract_id))


async def test_client_that_is_refused_leaves_nothing_of_its_billing(office: Office) -> None:
    """All of it is in the delivery's transaction."""
    await office.refused(CLIENT, {**_CLIENT, "client_name": "Contoso"})
    for table in ("billing_profiles", "client_tax_settings", "client_contracts"):
        assert await office.rows(table) == []


async def test_fifty_upserts_at_once_make_one_default_profile(office: Office) -> None:
    """Whoever finds the client made finds its billing made."""
    await office.use(CLIENT, list(_CLIENT))
    await office.handle_at_once([_CLIENT] * 50)
    await office.row("billing_profiles")
    await office.row("client_tax_settings")
