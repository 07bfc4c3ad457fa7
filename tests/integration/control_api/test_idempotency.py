"""POST with an Idempotency-Key: once, and answered the same."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from control_api.access import Services
from control_api.app import build_app
from control_api.idempotency import IdempotentAnswers
from shared.database.pool import Connection, tenant_transaction
from shared.domain.identifiers import TenantId
from shared.errors import DatabaseUnavailable
from shared.ledger.housekeeping import Housekeeping
from shared.ledger.idempotent_requests import Claim
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_api_keys import make_key
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body

CLIENTS = "/api/v1/clients"


async def post(
    tenant: Tenant, body: object, *, key: str = "k-1", path: str = CLIENTS
) -> httpx.Response:
    return await tenant.http.post(path, json=body, headers={"idempotency-key": key})


async def test_request_when_repeated(acme: Tenant, superuser: Connection) -> None:
    """It is carried out once; every answer is the first one, its secret included."""
    body = webhook_body()
    del body["auth_config"]["secret"]
    first = await post(acme, body, path=PATH)
    again = [await post(acme, body, path=PATH) for _ in range(3)]
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    for answer in again:
        assert (answer.status_code, answer.content) == (201, first.content)
        assert answer.headers["idempotency-replayed"] == "true"
        assert answer.headers["content-type"] == first.headers["content-type"]
        assert answer.headers["x-request-id"] != first.headers["x-request-id"]
    assert await superuser.fetchval("select count(*) from postern.webhooks") == 1
    row = await superuser.fetchrow("select * from postern.idempotent_requests")
    assert row is not None
    secret = first.json()["secret"].encode()
    assert secret not in bytes(row["sealed_answer"])
    assert b"inbound_webhook_id" not in bytes(row["sealed_answer"])
    assert b"k-1" not in b"".join(value for value in row if isinstance(value, bytes))


async def test_key_when_used_for_something_else(acme: Tenant, rival: Tenant) -> None:
    """Another body is refused by name; another route, caller or tenant has keys of its own."""
    assert (await post(acme, {"name": "a"})).status_code == 201
    other = await post(acme, {"name": "b"})
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    asked = await acme.http.post(
        f"{CLIENTS}?x=1", json={"name": "a"}, headers={"idempotency-key": "k-1"}
    )
    assert asked.status_code == 422
    assert (await post(acme, REFERENCE, path=PATH)).status_code == 201
    _, second = await make_key(acme, permissions=["create"])
    for caller in (second, rival):
        answer = await post(caller, {"name": "b"})
        assert (answer.status_code, answer.headers.get("idempotency-replayed")) == (201, None)
    assert len((await acme.get(CLIENTS))["data"]) == 2


async def test_twins_when_they_come_together(acme: Tenant) -> None:
    """Of many at once one is carried out; the others get its answer, or are told to wait."""
    answers = await asyncio.gather(*(post(acme, {"name": "a"}) for _ in range(12)))
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {201, 409}
    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in done}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency_key_in_use"
            assert answer.headers["retry-after"] == "1"
    assert len((await acme.get(CLIENTS))["data"]) == 1


async def test_request_when_it_fails_first(acme: Tenant) -> None:
    """What changed nothing is forgotten: the mended request may have the same key."""
    assert (await post(acme, {"nome": "a"})).status_code == 422
    assert (await post(acme, {"name": "a"})).status_code == 201
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}/test"
    await acme.put(path.removesuffix("/test"), webhook_body(is_active=False))
    assert (await post(acme, {}, path=path)).status_code == 409
    await acme.put(path.removesuffix("/test"), REFERENCE)
    assert (await post(acme, {}, path=path)).status_code == 202


async def test_request_when_its_process_dies(
    acme: Tenant, services: Services, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that was made is never made again; one that was not, is, once the claim is over."""

    async def die(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(IdempotentAnswers, "_settle", die)
        with pytest.raises(DatabaseUnavailable):
            await _bare(acme, services, broken)
    rows = "select is_committed, sealed_answer from postern.idempotent_requests"
    row = await superuser.fetchrow(rows)
    assert row is not None
    assert (row["is_committed"], row["sealed_answer"]) == (True, None)
    assert (await post(acme, {"name": "a"})).json()["code"] == "idempotency_key_in_use"
    lapse = "update postern.idempotent_requests set claimed_until = now()"
    await superuser.execute(lapse)
    lost = await post(acme, {"name": "a"})
    assert (lost.status_code, lost.json()["code"]) == (409, "idempotent_answer_lost")
    assert len((await acme.get(CLIENTS))["data"]) == 1
    await superuser.execute(f"{lapse}, is_committed = false")
    await superuser.execute("delete from psa.clients")
    assert (await post(acme, {"name": "a"})).status_code == 201
    assert len((await acme.get(CLIENTS))["data"]) == 1


async def _bare(tenant: Tenant, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send a request past the border, which would answer for the broken inside."""
    monkeypatch.setattr("control_api.app.Border", lambda app: app)
    transport = httpx.ASGITransport(build_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        headers = {"idempotency-key": "k-1", "x-api-key": tenant.key}
        await client.post(CLIENTS, json={"name": "a"}, headers=headers)


async def test_transaction_when_its_claim_was_taken_over(acme: Tenant, services: Services) -> None:
    """It is undone: two holders of one key cannot both change something."""
    claim = Claim(TenantId(acme.tenant_id), bytes(32), uuid4())
    with pytest.raises(DatabaseUnavailable):
        async with tenant_transaction(
            services.tenant_pool, acme.tenant_id, first=claim.mark
        ) as connection:
            await connection.execute(
                "insert into psa.clients (tenant_id, client_id, name) values ($1, $1, 'x')",
                acme.tenant_id,
            )
    assert (await acme.get(CLIENTS))["data"] == []


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü"])
async def test_key_when_its_form_is_wrong(acme: Tenant, key: str) -> None:
    """The header is named, and nothing is done."""
    answer = await acme.http.post(
        CLIENTS, json={"name": "a"}, headers={b"idempotency-key": key.encode()}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert (await acme.get(CLIENTS))["data"] == []


async def test_key_when_its_day_is_over(acme: Tenant, superuser: Connection) -> None:
    """It may be used anew, and housekeeping deletes what nobody asks for."""
    await post(acme, {"name": "a"})
    await post(acme, {"name": "b"}, key="k-2")
    await superuser.execute("update postern.idempotent_requests set expires_at = now()")
    again = await post(acme, {"name": "c"})
    assert (again.status_code, again.headers.get("idempotency-replayed")) == (201, None)
    assert await Housekeeping(superuser).delete_expired_requests(limit=10) == 1
    assert await superuser.fetchval("select count(*) from postern.idempotent_requests") == 1


async def test_key_when_nobody_may(acme: Tenant, superuser: Connection) -> None:
    """Strangers, and callers without the permission, claim nothing; other methods pass over it."""
    await superuser.execute("update postern.api_keys set permissions = '{read}'")
    assert (await post(acme, {"name": "a"})).status_code == 403
    await acme.http.get(CLIENTS, headers={"idempotency-key": "k-1"})
    assert await superuser.fetchval("select count(*) from postern.idempotent_requests") == 0
