"""Deliveries that name locations, on a real ledger."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import pytest
from postern_template_actions import locations

from postern.testing import Trial, ledger, trial


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    with ledger() as url:
        yield url


@pytest.fixture
async def acme(database_url: str) -> AsyncIterator[Trial]:
    async with trial(database_url, locations) as opened:
        yield opened


@pytest.fixture
async def client_id(acme: Trial) -> UUID:
    client_id = uuid4()
    async with acme.transaction() as connection:
        await connection.execute(
            "insert into psa.clients (tenant_id, client_id, name) values ($1, $2, 'Contoso')",
            acme.tenant_id,
            client_id,
        )
    return client_id


async def _locations(acme: Trial) -> list[dict[str, object]]:
    async with acme.transaction() as connection:
        rows = await connection.fetch("select * from psa.locations order by created_at")
    return [dict(row) for row in rows]


async def test_location_is_made_then_changed(acme: Trial, client_id: UUID) -> None:
    """The second delivery changes what it mentions and keeps the rest."""
    known = {"external_id": "site-7", "client_id": str(client_id), "name": "HQ"}
    created = await acme.deliver("upsertLocationByExternalId", {**known, "city": "Ghent"})
    updated = await acme.deliver(
        "upsertLocationByExternalId", {**known, "name": "Head office", "zip": "9000"}
    )
    assert (created.status, updated.status) == ("dispatched", "dispatched")
    assert created.outcome["metadata"]["created"] is True
    assert updated.outcome["entity_id"] == created.outcome["entity_id"]
    (location,) = await _locations(acme)
    assert (location["name"], location["city"], location["zip"]) == (
        "Head office",
        "Ghent",
        "9000",
    )


async def test_each_change_leaves_an_event(acme: Trial, client_id: UUID) -> None:
    """Whoever follows the events learns of it."""
    known = {"external_id": "site-7", "client_id": str(client_id), "name": "HQ"}
    await acme.deliver("upsertLocationByExternalId", known)
    await acme.deliver("upsertLocationByExternalId", known)
    async with acme.transaction() as connection:
        rows = await connection.fetch("select event_name from psa.events order by event_number")
    assert [row["event_name"] for row in rows] == ["location.created", "location.updated"]


async def test_unknown_client_is_named(acme: Trial) -> None:
    """The delivery fails with the field; nothing is written, the external id not taken."""
    handled = await acme.deliver(
        "upsertLocationByExternalId",
        {"external_id": "site-7", "client_id": str(uuid4()), "name": "HQ"},
    )
    assert (handled.status, handled.outcome["code"]) == ("failed", "lookup_miss")
    assert handled.outcome["field"] == "client_id"
    assert await _locations(acme) == []


async def test_name_of_another_location_is_a_conflict(acme: Trial, client_id: UUID) -> None:
    """Two external ids cannot have locations of one name at one client."""
    known = {"client_id": str(client_id), "name": "HQ"}
    await acme.deliver("upsertLocationByExternalId", {**known, "external_id": "site-7"})
    handled = await acme.deliver("upsertLocationByExternalId", {**known, "external_id": "site-8"})
    assert (handled.status, handled.outcome["code"]) == ("failed", "conflict")
    assert len(await _locations(acme)) == 1


async def test_mapping_gives_the_fields(acme: Trial, client_id: UUID) -> None:
    """As a webhook maps them: expressions over the body."""
    handled = await acme.deliver(
        "upsertLocationByExternalId",
        {"site": {"id": 7, "names": ["HQ", "Head office"]}},
        field_mapping={
            "external_id": "site.id",
            "client_id": f"'{client_id}'",
            "name": "$join(site.names, ' / ')",
        },
    )
    assert handled.status == "dispatched", handled.outcome
    (location,) = await _locations(acme)
    assert location["name"] == "HQ / Head office"
