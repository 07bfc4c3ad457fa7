"""Who may do what: keys, permissions, tenants; and the second lock below them."""

import asyncio
from uuid import UUID

import asyncpg
import httpx
import pytest

from control_api.access import Services
from control_api.app import build_app
from control_api.authentication import Authenticator
from control_api.credentials import key_digest
from shared.crypto.keyring import Keyring
from shared.database.pool import TENANT_ROLE, Connection, create_pool
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.test_webhooks import PATH, REFERENCE

SOME_ID = "01890000-0000-7000-8000-000000000000"

#: The last column is the permission that it needs.
ROUTES = [
    ("POST", PATH, "create"),
    ("GET", PATH, "read"),
    ("GET", f"{PATH}/actions", "read"),
    ("GET", f"{PATH}/workflows", "read"),
    ("GET", f"{PATH}/auth-types", "read"),
    ("GET", f"{PATH}/presets", "read"),
    ("GET", f"{PATH}/export", "read"),
    ("POST", f"{PATH}/import", "create"),
    ("GET", f"{PATH}/{{webhook}}", "read"),
    ("PUT", f"{PATH}/{{webhook}}", "update"),
    ("PATCH", f"{PATH}/{{webhook}}", "update"),
    ("DELETE", f"{PATH}/{{webhook}}", "delete"),
    ("POST", f"{PATH}/{{webhook}}/enable", "update"),
    ("POST", f"{PATH}/{{webhook}}/disable", "update"),
    ("POST", f"{PATH}/{{webhook}}/clone", "create"),
    ("POST", f"{PATH}/{{webhook}}/rotate-secret", "update"),
    ("GET", f"{PATH}/{{webhook}}/forward-secret", "read"),
    ("PUT", f"{PATH}/{{webhook}}/forward-secret", "update"),
    ("DELETE", f"{PATH}/{{webhook}}/forward-secret", "update"),
    ("GET", f"{PATH}/{{webhook}}/secrets", "read"),
    ("DELETE", f"{PATH}/{{webhook}}/secrets/{{secret}}", "update"),
    ("POST", f"{PATH}/{{webhook}}/test", "update"),
    ("POST", f"{PATH}/{{webhook}}/capture-sample", "update"),
    ("DELETE", f"{PATH}/{{webhook}}/capture-sample", "update"),
    ("GET", f"{PATH}/{{webhook}}/samples", "read"),
    ("DELETE", f"{PATH}/{{webhook}}/samples", "update"),
    ("GET", f"{PATH}/{{webhook}}/samples/{{sample}}", "read"),
    ("PUT", f"{PATH}/{{webhook}}/samples/{{sample}}", "update"),
    ("DELETE", f"{PATH}/{{webhook}}/samples/{{sample}}", "update"),
    ("GET", f"{PATH}/{{webhook}}/samples/{{sample}}/paths", "read"),
    ("GET", f"{PATH}/{{webhook}}/deliveries", "read"),
    ("GET", f"{PATH}/{{webhook}}/deliveries/tail", "read"),
    ("GET", f"{PATH}/{{webhook}}/deliveries/export", "read"),
    ("GET", f"{PATH}/{{webhook}}/deliveries/{{delivery}}", "read"),
    ("GET", f"{PATH}/{{webhook}}/deliveries/{{delivery}}/body", "read"),
    ("POST", f"{PATH}/{{webhook}}/deliveries/{{delivery}}/replay", "replay"),
    ("POST", f"{PATH}/{{webhook}}/deliveries/replay", "replay"),
    ("POST", "/api/v1/expressions/evaluate", "read"),
    ("GET", f"{PATH}/{{webhook}}/external-mappings", "read"),
    ("PUT", f"{PATH}/{{webhook}}/external-mappings", "update"),
    ("GET", "/api/v1/deliveries", "read"),
    ("GET", "/api/v1/deliveries/tail", "read"),
    ("GET", "/api/v1/deliveries/export", "read"),
    ("GET", "/api/v1/deliveries/{delivery}", "read"),
    ("GET", "/api/v1/deliveries/{delivery}/body", "read"),
    ("POST", "/api/v1/replays/plan", "replay"),
    ("POST", "/api/v1/replays", "replay"),
    ("GET", "/api/v1/replays", "read"),
    ("GET", "/api/v1/replays/{replay_job}", "read"),
    ("POST", "/api/v1/replays/{replay_job}/pause", "replay"),
    ("POST", "/api/v1/replays/{replay_job}/resume", "replay"),
    ("POST", "/api/v1/replays/{replay_job}/cancel", "replay"),
    ("GET", "/api/v1/clients", "read"),
    ("POST", "/api/v1/clients", "create"),
    ("GET", "/api/v1/assets", "read"),
    ("GET", "/api/v1/assets/{asset}", "read"),
    ("GET", "/api/v1/psa/events", "read"),
    ("GET", "/api/v1/api-keys", "admin"),
    ("POST", "/api/v1/api-keys", "admin"),
    ("GET", "/api/v1/api-keys/{api_key}", "admin"),
    ("PUT", "/api/v1/api-keys/{api_key}", "admin"),
    ("DELETE", "/api/v1/api-keys/{api_key}", "admin"),
    ("GET", "/api/v1/tenant", "read"),
    ("GET", "/api/v1/audit-events", "admin"),
    ("GET", "/api/v1/audit-events/export", "admin"),
]


#: For operators alone.
OPERATOR_ROUTES = [
    ("GET", "/api/v1/tenants"),
    ("POST", "/api/v1/tenants"),
    ("GET", "/api/v1/tenants/{tenant}"),
    ("PATCH", "/api/v1/tenants/{tenant}"),
    ("POST", "/api/v1/tenants/{tenant}/api-keys"),
]


@pytest.fixture
async def ids(acme: Tenant, superuser: Connection) -> dict[str, str]:
    """Things of acme's, by the name of their place in a path."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    webhook_id = made["data"]["inbound_webhook_id"]
    delivery_id = await insert_delivery(superuser, tenant_id=acme.tenant_id, webhook_id=webhook_id)
    client = await acme.post("/api/v1/clients", {"name": "Contoso"}, expect=201)
    asset_id = UUID(SOME_ID)
    sample_id = await superuser.fetchval(
        "insert into postern.webhook_samples"
        " (tenant_id, webhook_id, sample_id, delivery_id, headers, body, captured_at)"
        " values ($1, $2, gen_random_uuid(), $3, '', '{}', now()) returning sample_id",
        acme.tenant_id,
        webhook_id,
        delivery_id,
    )
    secret_id = await superuser.fetchval("select secret_id from postern.webhook_secrets")
    await superuser.execute(
        "insert into psa.assets (tenant_id, asset_id, client_id, name) values ($1, $2, $3, 'pc')",
        acme.tenant_id,
        asset_id,
        client["data"]["client_id"],
    )
    keys = await acme.get("/api/v1/api-keys")
    job = await acme.post("/api/v1/replays", expect=202)
    return {
        "replay_job": job["data"]["replay_job_id"],
        "webhook": webhook_id,
        "delivery": str(delivery_id),
        "asset": str(asset_id),
        "api_key": keys["data"][0]["api_key_id"],
        "secret": str(secret_id),
        "sample": str(sample_id),
    }


async def test_routes_when_one_is_added(anonymous: httpx.AsyncClient) -> None:
    """The table of these tests names every route that the API has."""
    paths = (await anonymous.get("/api/v1/openapi.json")).json()["paths"]
    served = {
        (method.upper(), path.replace("_id}", "}"))
        for path, methods in paths.items()
        for method in methods
    }
    tenants = {(method, template) for method, template, _ in ROUTES}
    assert served == tenants | set(OPERATOR_ROUTES)


async def test_every_route_when_the_key_is_missing_or_dead(
    acme: Tenant, anonymous: httpx.AsyncClient, superuser: Connection, ids: dict[str, str]
) -> None:
    """No key, an unknown one, an expired one, a revoked one, a closed tenant's: 401 everywhere."""
    statements = [
        "update postern.api_keys set expires_at = now()",
        "update postern.api_keys set expires_at = null, is_active = false",
        "update postern.api_keys set is_active = true",
        "update postern.tenants set is_active = false",
    ]
    for method, template in [route[:2] for route in ROUTES] + OPERATOR_ROUTES:
        for key in (None, b"pst_wrong", b"pso_wrong", b"\xff"):
            headers = {} if key is None else {b"x-api-key": key}
            path = template.format(**ids, tenant=acme.tenant_id)
            response = await anonymous.request(method, path, headers=headers)
            assert response.status_code == 401, (method, template)
            assert response.headers["www-authenticate"].startswith("ApiKey")
    outcomes = []
    for statement in statements:
        await superuser.execute(statement)
        outcomes.append((await acme.http.get(PATH)).status_code)
    assert outcomes == [401, 401, 200, 401]


async def test_every_route_when_a_permission_is_missing(
    acme: Tenant, superuser: Connection, ids: dict[str, str]
) -> None:
    """Without the permission a route answers 403, whatever stands at the path."""
    for method, template, permission in ROUTES:
        others = {"create", "read", "update", "delete", "replay", "admin"} - {permission}
        await superuser.execute("update postern.api_keys set permissions = $1", list(others))
        for values in (ids, dict.fromkeys(ids, SOME_ID)):
            response = await acme.http.request(method, template.format(**values), json={})
            assert response.status_code == 403, (method, template)
            assert permission in response.json()["detail"]


async def test_every_route_when_the_id_is_another_tenants(
    acme: Tenant, rival: Tenant, superuser: Connection, ids: dict[str, str]
) -> None:
    """A foreign id is answered exactly like one that does not exist, and changes nothing."""
    webhook = await superuser.fetchrow("select * from postern.webhooks")
    mapping = {"entity_type": "asset", "external_id": "x", "entity_id": ids["asset"]}
    bodies = {"PUT": REFERENCE}
    for method, template, _ in ROUTES:
        if "{" not in template:
            continue
        body = mapping if "mappings" in template else bodies.get(method, {})
        if "api-keys" in template:
            body = {"name": "taken over", "permissions": ["read"]}
        if "forward-secret" in template:
            body = {}
        body = {"name": "mine"} if "{sample}" in template else body
        answers = []
        for values in (ids, dict.fromkeys(ids, "01890000-0000-7000-8000-0000000000ff")):
            path = template.format(**values)
            response = await rival.http.request(method, path, json=body)
            answers.append((response.status_code, response.json()["code"]))
        assert answers == [(404, "not_found")] * 2, (method, template)
    assert await superuser.fetchrow("select * from postern.webhooks") == webhook
    for path in (PATH, "/api/v1/deliveries", "/api/v1/clients", "/api/v1/assets"):
        assert (await rival.get(path))["data"] == [], path
        assert len((await acme.get(path))["data"]) == 1, path


async def test_tenant_role_when_a_query_forgets_its_filter(
    acme: Tenant, rival: Tenant, ids: dict[str, str], database_url: str, superuser: Connection
) -> None:
    """Row-level security alone shows a tenant its own rows, and none where no tenant is named."""
    tables = await superuser.fetch(
        "select format('%I.%I', n.nspname, c.relname) as name from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'"
        " where n.nspname in ('postern', 'psa') and c.relkind in ('r', 'p')"
        " and not c.relispartition"
        " and has_table_privilege('postern_tenant', c.oid, 'select')"
    )
    assert len(tables) >= 10
    seen_by_acme = 0
    async with await create_pool(
        database_url, role=TENANT_ROLE, application_name="test", size=1
    ) as pool:
        for table in tables:
            query = f"select count(*) from {table['name']} where tenant_id = $1"
            nameless = await pool.fetchval(query, acme.tenant_id)
            async with pool.acquire() as connection, connection.transaction():
                enter = "select set_config('postern.tenant_id', $1, true)"
                await connection.execute(enter, str(rival.tenant_id))
                foreign = await connection.fetchval(query, acme.tenant_id)
                await connection.execute(enter, str(acme.tenant_id))
                seen_by_acme += await connection.fetchval(query, acme.tenant_id)
            assert (nameless, foreign) == (0, 0), table["name"]
    assert seen_by_acme >= 7


async def test_tenant_role_when_writing_for_another_tenant(
    acme: Tenant, rival: Tenant, services: Services
) -> None:
    """Row-level security refuses a row of another tenant."""
    async with services.tenant_pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "select set_config('postern.tenant_id', $1, true)", str(rival.tenant_id)
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "insert into psa.clients (tenant_id, client_id, name) values ($1, $2, 'x')",
                acme.tenant_id,
                UUID(SOME_ID),
            )
        await transaction.rollback()


async def test_key_when_stored(acme: Tenant, superuser: Connection) -> None:
    """Of a key its digest and its first characters are kept."""
    row = await superuser.fetchrow("select * from postern.api_keys")
    assert row is not None
    assert row["key_digest"] == key_digest(acme.key)
    assert acme.key.startswith(row["key_prefix"])
    assert len(row["key_prefix"]) == 12
    assert len(acme.key) == 47


async def test_last_use_when_requests_follow_closely(acme: Tenant, superuser: Connection) -> None:
    """The last use is written once a minute, not with every request."""
    query = "select last_used_at, xmin from postern.api_keys"
    assert await superuser.fetchval(query) is None
    await asyncio.gather(*(acme.get(PATH) for _ in range(4)))
    first = await superuser.fetchrow(query)
    await acme.get(PATH)
    assert await superuser.fetchrow(query) == first
    await superuser.execute(
        "update postern.api_keys set last_used_at = now() - interval '61 seconds'"
    )
    await acme.get(PATH)
    later = await superuser.fetchrow(query)
    assert first is not None
    assert later is not None
    assert later["last_used_at"] > first["last_used_at"]


async def test_answer_when_the_database_is_away(keyring: Keyring) -> None:
    """Requests are answered 503 with Retry-After, without a word about our inside."""
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    async with await create_pool(
        nowhere, role=TENANT_ROLE, application_name="test", size=1
    ) as pool:
        services = Services(
            tenant_pool=pool,
            operator_pool=pool,
            authenticator=Authenticator(pool),
            keyring=keyring,
            public_gateway_url="http://gateway",
            max_body_bytes=1000,
        )
        transport = httpx.ASGITransport(build_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            response = await client.get(PATH, headers={"x-api-key": "pst_any"})
        assert await services.authenticator.fault() is not None
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert response.json()["code"] == "database_unavailable"
    assert "127.0.0.1" not in response.text
