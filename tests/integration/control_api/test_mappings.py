"""Clients, assets and external mappings through the API, on real PostgreSQL."""

from uuid import UUID

import pytest

from control_api.seed import seed_tenant
from deploy.local.demo_tenant import reference_data
from shared.database.pool import SYSTEM_ROLE, Connection, connect
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH, REFERENCE

ASSET_ID = UUID("01890000-0000-7000-8000-000000000001")


@pytest.fixture
async def mappings_path(acme: Tenant) -> str:
    made = await acme.post(PATH, REFERENCE, expect=201)
    return f"{PATH}/{made['data']['inbound_webhook_id']}/external-mappings"


async def test_mapping_when_set_twice(acme: Tenant, mappings_path: str) -> None:
    """Setting an external id again points it elsewhere; the list shows it once."""
    clients = [
        (await acme.post("/api/v1/clients", {"name": name}, expect=201))["data"]
        for name in ("Contoso", "Fabrikam")
    ]
    for client in clients:
        body = {
            "entity_type": "client",
            "external_id": "org-1",
            "entity_id": client["client_id"],
        }
        mapping = (await acme.put(mappings_path, body))["data"]
        assert mapping["entity_id"] == client["client_id"]
    listed = (await acme.get(mappings_path))["data"]
    assert [entry["entity_id"] for entry in listed] == [clients[1]["client_id"]]
    assert listed[0]["realm"] == ""
    assert listed[0]["delivery_id"] is None


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"entity_id": str(ASSET_ID)}, "entity_id", "exists"),
        ({"entity_id": "seven"}, "entity_id", "type"),
        ({"entity_type": "spaceship"}, "entity_type", "one_of"),
        ({"external_id": ""}, "external_id", "min_length"),
        ({"external_id": "a\x00"}, "external_id", "no_control_characters"),
        ({"realms": ""}, "realms", "unknown_field"),
    ],
)
async def test_mapping_when_faulty(
    acme: Tenant, mappings_path: str, changes: dict[str, str], field: str, rule: str
) -> None:
    """A mapping to nothing, or of a form that cannot be looked up, is refused."""
    client = (await acme.post("/api/v1/clients", {"name": "Contoso"}, expect=201))["data"]
    body = {
        "entity_type": "client",
        "external_id": "org-1",
        "entity_id": client["client_id"],
    } | changes
    error = await acme.put(mappings_path, body, expect=422)
    assert [(fault["field"], fault["rule"]) for fault in error["errors"]] == [(field, rule)]


async def test_mapping_when_the_entity_is_another_tenants(
    acme: Tenant, rival: Tenant, mappings_path: str
) -> None:
    """A mapping cannot reach across tenants."""
    theirs = (await rival.post("/api/v1/clients", {"name": "Contoso"}, expect=201))["data"]
    body = {"entity_type": "client", "external_id": "1", "entity_id": theirs["client_id"]}
    error = await acme.put(mappings_path, body, expect=422)
    assert error["errors"][0]["rule"] == "exists"


async def test_mapping_of_an_invoice_and_a_project(
    acme: Tenant, mappings_path: str, database_url: str
) -> None:
    """What no action creates is given its external id here."""
    connection = await connect(database_url, role=SYSTEM_ROLE, application_name="mappings-tests")
    ids = await seed_tenant(connection, slug=acme.slug, document=reference_data(str(ASSET_ID)))
    await connection.close()
    for kind, section in {"invoice": "invoices", "project": "projects"}.items():
        (entity_id,) = ids[section].values()
        body = {"entity_type": kind, "external_id": "1", "entity_id": str(entity_id)}
        mapping = (await acme.put(mappings_path, body))["data"]
        assert mapping["entity_id"] == str(entity_id)


async def test_mapping_when_what_it_stands_for_is_gone(
    acme: Tenant, mappings_path: str, superuser: Connection
) -> None:
    """The list shows it; who lets the id stand for something begins its status anew."""
    client = (await acme.post("/api/v1/clients", {"name": "Contoso"}, expect=201))["data"]
    body = {"entity_type": "client", "external_id": "1", "entity_id": client["client_id"]}
    assert (await acme.put(mappings_path, body))["data"]["sync_status"] == "synced"
    await superuser.execute("update postern.external_entity_mappings set sync_status = 'error'")
    (listed,) = (await acme.get(mappings_path))["data"]
    assert listed["sync_status"] == "error"
    assert (await acme.put(mappings_path, body))["data"]["sync_status"] == "synced"


async def test_client_has_a_default_billing_profile(acme: Tenant, superuser: Connection) -> None:
    """It is made with it."""
    client = (await acme.post("/api/v1/clients", {"name": "Contoso"}, expect=201))["data"]
    (profile,) = await superuser.fetch("select * from psa.billing_profiles")
    assert str(profile["client_id"]) == client["client_id"]
    assert profile["is_default"]


async def test_client_when_its_name_is_taken(acme: Tenant) -> None:
    """Client names are unique within a tenant."""
    await acme.post("/api/v1/clients", {"name": "Contoso"}, expect=201)
    await acme.post("/api/v1/clients", {"name": "Contoso"}, expect=409)
    assert [row["name"] for row in (await acme.get("/api/v1/clients"))["data"]] == ["Contoso"]


async def test_asset_when_read(acme: Tenant, superuser: Connection) -> None:
    """An asset shows its client's name and the snapshot as it was received."""
    client = (await acme.post("/api/v1/clients", {"name": "Contoso"}, expect=201))["data"]
    await superuser.execute(
        "insert into psa.assets (tenant_id, asset_id, client_id, name, rmm_snapshot)"
        " values ($1, $2, $3, 'pc', $4)",
        acme.tenant_id,
        ASSET_ID,
        client["client_id"],
        '{"big": 12345678901234567890123}',
    )
    asset = (await acme.get(f"/api/v1/assets/{ASSET_ID}"))["data"]
    assert asset["client_name"] == "Contoso"
    assert asset["rmm_snapshot"] == {"big": 12345678901234567890123}
    listed = (await acme.get("/api/v1/assets"))["data"]
    assert listed == [{name: asset[name] for name in asset.keys() - {"rmm_snapshot"}}]
