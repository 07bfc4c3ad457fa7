"""Lists of webhooks: filters, orders and cursors."""

import base64
from typing import Any

import orjson
import pytest

from control_api.access import Services
from shared.database.pool import Connection, tenant_transaction
from shared.domain.identifiers import uuid7
from shared.ledger.webhook_list import ORDERS
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH, webhook_body

_NAMES = ["delta", "Alpha", "charlie", "Bravo", "ALPHA two", "bravo"]


async def _some(acme: Tenant) -> None:
    """Create a webhook of each name; every second one is off, the third one a bearer."""
    for number, name in enumerate(_NAMES):
        auth = {"auth_type": "bearer", "auth_config": {}} if number == 2 else {}
        body = webhook_body(name=name, slug=f"hook-{number}", is_active=number % 2 == 0, **auth)
        await acme.post(PATH, body, expect=201)
    workflow = {"handler_type": "workflow", "handler_config": {"workflow": "triage"}}
    await acme.post(PATH, webhook_body(name="echo", slug="flow", **workflow), expect=201)


@pytest.fixture
async def hooks(acme: Tenant, superuser: Connection) -> Tenant:
    await superuser.execute(
        "insert into postern.workflow_catalog (name, definition) values ('triage', '{}')"
    )
    await _some(acme)
    return acme


async def _names(tenant: Tenant, **params: str | int) -> list[str]:
    """Return the names on all pages."""
    names: list[str] = []
    cursor: str | None = None
    while True:
        given = params | ({"cursor": cursor} if cursor else {})
        page = await tenant.get(PATH, given)
        names += [webhook["name"] for webhook in page["data"]]
        cursor = page["meta"]["next_cursor"]
        if cursor is None:
            return names


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_every_order_when_paged(hooks: Tenant, limit: int) -> None:
    """Each order shows every webhook once, across pages of any size; a hyphen turns it round."""
    made = [*_NAMES, "echo"]
    orders = {sort: await _names(hooks, sort=sort, limit=limit) for sort in ORDERS}
    by_name = ["Alpha", "ALPHA two", "Bravo", "bravo", "charlie", "delta", "echo"]
    assert orders["name"] == by_name
    assert orders["-name"] == by_name[::-1]
    assert orders["created_at"] == orders["updated_at"] == made
    assert orders["-created_at"] == orders["-updated_at"] == made[::-1]
    assert await _names(hooks, limit=limit) == made[::-1]


async def test_order_when_one_is_changed(hooks: Tenant) -> None:
    """A change brings a webhook to the front of those changed last, and nowhere else."""
    first = (await hooks.get(PATH, {"sort": "created_at"}))["data"][0]
    await hooks.post(f"{PATH}/{first['inbound_webhook_id']}/rotate-secret", expect=200)
    assert (await _names(hooks, sort="-updated_at"))[0] == first["name"]
    assert (await _names(hooks, sort="-created_at"))[-1] == first["name"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"name": "ALPHA"}, ["Alpha", "ALPHA two"]),
        ({"name": "a t"}, ["ALPHA two"]),
        ({"name": "%"}, []),
        ({"slug": "hook-0"}, ["delta"]),
        ({"slug": "hook"}, []),
        ({"auth_type": "bearer"}, ["charlie"]),
        ({"handler_type": "workflow"}, ["echo"]),
        ({"workflow": "triage"}, ["echo"]),
        ({"action": "triage"}, []),
        ({"action": "upsertAssetByExternalId", "is_active": "false"}, ["Alpha", "Bravo", "bravo"]),
        ({"is_active": "true", "name": "a"}, ["ALPHA two", "charlie", "delta"]),
    ],
)
async def test_filters_when_given(
    hooks: Tenant, params: dict[str, str], expected: list[str]
) -> None:
    """Every filter narrows the list, several of them together, on every page."""
    assert await _names(hooks, sort="name", limit=2, **params) == expected


async def test_list_when_it_is_another_tenants(hooks: Tenant, rival: Tenant) -> None:
    """No order shows a foreign webhook, and a foreign cursor leads nowhere."""
    cursor = (await hooks.get(PATH, {"limit": "1", "sort": "name"}))["meta"]["next_cursor"]
    assert (await rival.get(PATH, {"cursor": cursor, "sort": "name"}))["data"] == []
    for sort in ORDERS:
        assert await _names(rival, sort=sort) == []


def _cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


@pytest.mark.parametrize(
    ("params", "field", "rule"),
    [
        ({"sort": "slug"}, "sort", "one_of"),
        ({"sort": "--name"}, "sort", "one_of"),
        ({"nmae": "a"}, "nmae", "unknown_field"),
        ({"auth_type": "magic"}, "auth_type", "one_of"),
        ({"is_active": "perhaps"}, "is_active", "type"),
        ({"name": "a\x00"}, "name", "pattern"),
        ({"name": ""}, "name", "min_length"),
        ({"limit": "101"}, "limit", "maximum"),
        ({"cursor": "x"}, "cursor", "cursor"),
        ({"cursor": _cursor(1)}, "cursor", "cursor"),
        ({"cursor": _cursor("-created_at", "soon", str(uuid7()))}, "cursor", "cursor"),
        ({"cursor": _cursor("-created_at", 7, str(uuid7()))}, "cursor", "cursor"),
        ({"cursor": _cursor("-created_at", "2026-01-01", str(uuid7()))}, "cursor", "cursor"),
        ({"cursor": _cursor("name", "a", str(uuid7()))}, "cursor", "cursor"),
        ({"cursor": _cursor("name", "\x00", str(uuid7())), "sort": "name"}, "cursor", "cursor"),
        ({"cursor": _cursor(["name"], "a", str(uuid7()))}, "cursor", "cursor"),
    ],
)
async def test_query_when_it_makes_no_sense(
    acme: Tenant, params: dict[str, str], field: str, rule: str
) -> None:
    """What is misspelt, unknown or from another order is refused with its name."""
    error = await acme.get(PATH, params, expect=422)
    assert [(fault["field"], fault["rule"]) for fault in error["errors"]] == [(field, rule)]


async def test_pages_when_ten_thousand_webhooks_are_there(
    acme: Tenant, superuser: Connection, services: Services
) -> None:
    """Every order is read from its own index, from the place on at which the page begins."""
    await superuser.execute(
        "insert into postern.webhooks (tenant_id, webhook_id, name, slug, auth_type, handler_type,"
        " created_at, updated_at) select $1, gen_random_uuid(), 'hook ' || n, 'h' || n, 'bearer',"
        " 'workflow', now() - n * interval '1 s', now() - n * interval '2 s'"
        " from generate_series(1, 10000) n",
        acme.tenant_id,
    )
    await superuser.execute("analyze postern.webhooks")
    indexes = {
        "name": "webhooks_name",
        "created_at": "webhooks_created",
        "updated_at": "webhooks_updated",
    }
    middle = {
        "name": "hook 5",
        "created_at": await superuser.fetchval("select now() - interval '5000 s'"),
        "updated_at": await superuser.fetchval("select now() - interval '10000 s'"),
    }
    async with tenant_transaction(services.tenant_pool, acme.tenant_id) as connection:
        for sort, query in ORDERS.items():
            place = middle[sort.removeprefix("-")]
            plan = await connection.fetchval(
                f"explain (analyze, format json) {query}",
                *(acme.tenant_id, place, uuid7(), 101, None, None, None, None, None, None, None),
            )
            node = orjson.loads(plan)[0]["Plan"]
            while "Plans" in node:
                (node,) = node["Plans"]
            assert node["Index Name"] == indexes[sort.removeprefix("-")], plan
            assert "tenant_id" in node["Index Cond"], plan
            assert "webhook_id" in node["Index Cond"], plan
