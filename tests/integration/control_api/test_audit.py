"""The audit trail: what is written, and how it is read."""

from typing import Any

import orjson
import pytest

from control_api.routes import audit_events
from shared.database.pool import Connection
from shared.database.queries import Queries
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body

EVENTS = "/api/v1/audit-events"


def changes(event: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what an event says that changed: field to before and after."""
    fields = event["changes"]["fields"]
    return {entry["field"]: (entry.get("before"), entry.get("after")) for entry in fields}


async def test_events_when_a_webhook_is_changed(acme: Tenant) -> None:
    """Each event says who, what, in which request, and the fields that differ; never a secret."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    webhook_id = made["data"]["inbound_webhook_id"]
    secret = "another-secret-of-some-length"
    changed = webhook_body(name="New", rate_limit_per_minute=61)
    changed["auth_config"] = {"signature_header": "X-Other", "secret": secret}
    changed["handler_config"]["field_mapping"]["name"] = "device.name"
    answer = await acme.http.put(
        f"{PATH}/{webhook_id}", json=changed, headers={"x-request-id": "change-7"}
    )
    assert answer.status_code == 200
    await acme.delete(f"{PATH}/{webhook_id}", expect=204)
    found = await acme.get(EVENTS, {"entity_type": "webhook", "entity_id": webhook_id})
    deleted, replaced, created = found["data"]
    key_id = made["data"]["created_by"]
    assert replaced["actor"] == f"api_key:{key_id}"
    assert (replaced["action"], replaced["request_id"]) == ("webhook.replaced", "change-7")
    assert (replaced["entity_type"], replaced["entity_id"]) == ("webhook", webhook_id)
    assert replaced["details"] == {"secret_replaced": True}
    assert changes(replaced) == {
        "name": ("RMM device updates", "New"),
        "rate_limit_per_minute": (60, 61),
        "auth_config.signature_header": ("X-RMM-Signature", "X-Other"),
        "handler_config.field_mapping.name": ("device.hostname", "device.name"),
    }
    assert changes(created)["name"] == (None, "RMM device updates")
    assert changes(deleted)["name"] == ("New", None)
    assert created["occurred_at"].endswith("Z")
    text = orjson.dumps(found).decode()
    assert secret not in text
    assert REFERENCE["auth_config"]["secret"] not in text


async def test_events_when_a_mapping_is_set_anew(acme: Tenant) -> None:
    """Setting what an external id stands for tells what it stood for."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}/external-mappings"
    ids = []
    for name in ("Contoso", "Fabrikam"):
        client = await acme.post("/api/v1/clients", {"name": name}, expect=201)
        ids.append(client["data"]["client_id"])
        body = {"entity_type": "client", "external_id": "x", "entity_id": ids[-1]}
        await acme.put(path, body)
    second, first = (await acme.get(EVENTS, {"action": "mapping.set"}))["data"]
    assert changes(first) == {"entity_id": (None, ids[0])}
    assert changes(second) == {"entity_id": (ids[0], ids[1])}
    assert second["details"] == {"entity_type": "client", "external_id": "x", "realm": ""}


async def test_events_when_filtered(acme: Tenant) -> None:
    """Every filter leaves out what it does not name, and they go together."""
    for number in range(3):
        await acme.post("/api/v1/clients", {"name": f"c{number}"}, expect=201)
    first = (await acme.get(EVENTS, {"entity_type": "client"}))["data"][-1]
    for conditions, count in [
        ({"action": "client.created"}, 3),
        ({"entity_type": "client", "entity_id": first["entity_id"]}, 1),
        ({"entity_id": first["entity_id"]}, 1),
        ({"request_id": first["request_id"]}, 1),
        ({"actor": first["actor"]}, 3),
        ({"actor": first["actor"], "action": "other"}, 0),
        ({"date_from": first["occurred_at"]}, 3),
        ({"date_to": first["occurred_at"], "action": "client.created"}, 1),
        ({"date_to": "2020-01-01"}, 0),
    ]:
        assert len((await acme.get(EVENTS, conditions))["data"]) == count, conditions
    refused = await acme.get(EVENTS, {"aktor": "x"}, expect=422)
    assert refused["errors"][0]["field"] == "aktor"


async def test_events_when_paged_and_exported(
    acme: Tenant, rival: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages and the export name every event of the tenant once, newest first, no foreign one."""
    for number in range(7):
        await acme.post("/api/v1/clients", {"name": f"c{number}"}, expect=201)
    await rival.post("/api/v1/clients", {"name": "theirs"}, expect=201)
    paged: list[dict[str, Any]] = []
    cursor: str | None = None
    while not paged or cursor:
        page = await acme.get(EVENTS, {"limit": 3} | ({"cursor": cursor} if cursor else {}))
        paged += page["data"]
        cursor = page["meta"]["next_cursor"]
    assert len({event["audit_event_id"] for event in paged}) == len(paged) == 8
    monkeypatch.setattr(audit_events, "_EXPORTED_AT_ONCE", 3)
    export = await acme.http.get(f"{EVENTS}/export")
    assert export.headers["content-type"] == "application/x-ndjson"
    assert export.headers["cache-control"] == "no-store"
    assert [orjson.loads(line) for line in export.text.splitlines()] == paged
    some = await acme.http.get(f"{EVENTS}/export", params={"action": "api_key.created"})
    assert len(some.text.splitlines()) == 1


async def test_trail_when_a_tenant_would_change_it(acme: Tenant, superuser: Connection) -> None:
    """The role of requests can add to the trail, never change or remove what is in it."""
    for privilege in ("update", "delete", "truncate"):
        query = "select has_table_privilege('postern_tenant', 'postern.audit_events', $1)"
        assert not await superuser.fetchval(query, privilege)


async def test_list_when_the_trail_is_long(acme: Tenant, superuser: Connection) -> None:
    """What happened to one thing is found by its index, however much happened to others."""
    await superuser.execute(
        "insert into postern.audit_events (tenant_id, event_id, actor, action, target)"
        " select $1, postern.uuid7_floor(now() - n * interval '1 minute'), 'a', 'b',"
        " 'webhook:' || n % 500 from generate_series(1, 5000) n",
        acme.tenant_id,
    )
    await superuser.execute("analyze postern.audit_events")
    conditions = (None, 26, None, None, "webhook:7", *[None] * 5)
    query = Queries("shared.ledger", "audit.sql")["list_page"]
    plan = await superuser.fetch(f"explain {query}", acme.tenant_id, *conditions)
    assert "audit_events_target" in str(plan)
    page = await acme.get(EVENTS, {"entity_type": "webhook", "entity_id": "7"})
    assert len(page["data"]) == 10
