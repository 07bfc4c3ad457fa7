"""Tenants: made and switched off by operators, who see nothing of what is in them."""

from collections import defaultdict

import asyncpg
import httpx
import pytest

from control_api.bootstrap import bootstrap_operator, revoke_operator
from shared.database.pool import OPERATOR_ROLE, Connection, create_pool
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_access import ROUTES, SOME_ID
from tests.integration.control_api.test_webhooks import PATH, REFERENCE

TENANTS = "/api/v1/tenants"


async def test_tenant_when_an_operator_makes_it(
    operator: httpx.AsyncClient, anonymous: httpx.AsyncClient, superuser: Connection
) -> None:
    """The answer holds a first key, once; the tenant's trail tells who made it."""
    made = await operator.post(TENANTS, json={"slug": "new-one", "name": "New One"})
    assert made.status_code == 201
    tenant, secret = made.json()["data"], made.json()["secret"]
    headers = {"x-api-key": secret}
    own = await anonymous.get("/api/v1/tenant", headers=headers)
    assert own.json() == {"data": tenant}
    assert (await anonymous.post(PATH, json=REFERENCE, headers=headers)).status_code == 201
    trail = await anonymous.get("/api/v1/audit-events", headers=headers)
    event = trail.json()["data"][-1]
    operator_id = await superuser.fetchval("select operator_id from postern.operators")
    assert (event["actor"], event["action"]) == (f"operator:{operator_id}", "tenant.created")
    assert secret not in trail.text
    path = f"{TENANTS}/{tenant['tenant_id']}"
    assert (await operator.get(path)).json() == {"data": tenant}
    assert (await operator.get(TENANTS)).json()["data"] == [tenant]
    assert (await operator.get(TENANTS, params={"slug": "other"})).json()["data"] == []
    twin = await operator.post(TENANTS, json={"slug": "new-one", "name": "Twin"})
    assert twin.status_code == 409
    faulty = await operator.post(TENANTS, json={"slug": "New One", "name": ""})
    assert faulty.status_code == 422
    assert (await operator.get(f"{TENANTS}/{SOME_ID}")).status_code == 404


async def test_tenant_when_switched_off_and_on(
    operator: httpx.AsyncClient, acme: Tenant, superuser: Connection
) -> None:
    """Its keys end at once, its webhooks are announced to gateways anew; then all is back."""
    await superuser.execute(
        "insert into postern.webhooks"
        " (tenant_id, webhook_id, name, slug, auth_type, handler_type, handler_config)"
        """ values ($1, $2, 'x', 'x', 'bearer', 'workflow', '{"workflow": "x"}')""",
        acme.tenant_id,
        SOME_ID,
    )
    changed = "select changed_xid::text from postern.webhooks"
    path = f"{TENANTS}/{acme.tenant_id}"
    marks = [await superuser.fetchval(changed)]
    for is_active, status in ((False, 401), (True, 200)):
        answer = await operator.patch(path, json={"is_active": is_active})
        assert answer.json()["data"]["is_active"] is is_active
        assert (await acme.http.get(PATH)).status_code == status
        marks.append(await superuser.fetchval(changed))
    assert len(set(marks)) == 3
    again = await operator.patch(path, json={"is_active": True})
    assert again.status_code == 200
    events = (await acme.get("/api/v1/audit-events", {"action": "tenant.changed"}))["data"]
    assert len(events) == 2
    assert events[1]["changes"]["fields"] == [
        {"field": "is_active", "before": True, "after": False}
    ]


async def test_tenant_when_it_has_lost_its_keys(
    operator: httpx.AsyncClient, acme: Tenant, superuser: Connection
) -> None:
    """An operator makes a new key with every permission, and the tenant's trail tells."""
    await superuser.execute("update postern.api_keys set is_active = false")
    made = await operator.post(f"{TENANTS}/{acme.tenant_id}/api-keys", json={"name": "rescue"})
    assert made.status_code == 201
    rescued = {"x-api-key": made.json()["secret"]}
    keys = await operator.get("/api/v1/api-keys", headers=rescued)
    assert keys.json()["data"][0]["name"] == "rescue"
    assert (await operator.post(f"{TENANTS}/{SOME_ID}/api-keys", json={})).status_code == 404


async def test_operator_when_it_asks_for_what_is_in_a_tenant(
    operator: httpx.AsyncClient, acme: Tenant
) -> None:
    """Every route of tenants is 403 to operators, and theirs to tenants' keys."""
    values: defaultdict[str, object] = defaultdict(lambda: SOME_ID)
    for method, template, _ in ROUTES:
        answer = await operator.request(method, template.format_map(values), json={})
        assert answer.status_code == 403, (method, template)
    for path in (TENANTS, f"{TENANTS}/{acme.tenant_id}"):
        assert (await acme.http.get(path)).status_code == 403


async def test_operator_role_when_used_for_more(acme: Tenant, database_url: str) -> None:
    """PostgreSQL itself refuses the operators' role whatever else tenants have."""
    async with await create_pool(
        database_url, role=OPERATOR_ROLE, application_name="test", size=1
    ) as pool:
        tables = await pool.fetch(
            "select format('%I.%I', n.nspname, c.relname) as name from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname in ('postern', 'psa') and c.relkind in ('r', 'p')"
        )
        readable = []
        for table in tables:
            try:
                await pool.fetch(f"select * from {table['name']} limit 1")
            except asyncpg.InsufficientPrivilegeError:
                continue
            readable.append(table["name"])
        assert readable == ["postern.tenants"]
        assert len(tables) > 30
        for statement in ("update postern.api_keys set is_active = true",
                          "delete from postern.audit_events"):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(statement)


async def test_operator_when_revoked_or_expired(
    operator: httpx.AsyncClient, superuser: Connection
) -> None:
    """The credential counts no more from the next request on; its use was noted."""
    assert (await operator.get(TENANTS)).status_code == 200
    row = await superuser.fetchrow("select * from postern.operators")
    assert row is not None
    assert row["last_used_at"] is not None
    assert operator.headers["x-api-key"] not in str(row)
    await superuser.execute("update postern.operators set expires_at = now()")
    assert (await operator.get(TENANTS)).status_code == 401
    await superuser.execute("update postern.operators set expires_at = null")
    assert (await operator.get(TENANTS)).status_code == 200
    other = await bootstrap_operator(superuser, name="other")
    await revoke_operator(superuser, operator_id=row["operator_id"])
    assert (await operator.get(TENANTS)).status_code == 401
    headers = {"x-api-key": other.operator_key}
    assert (await operator.get(TENANTS, headers=headers)).status_code == 200
