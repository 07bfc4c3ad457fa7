"""API keys: made, limited, changed and revoked."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.clock import SystemClock
from shared.database.pool import Connection
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH

KEYS = "/api/v1/api-keys"
ALL = ["create", "read", "update", "delete", "replay", "admin"]


def soon(**delta: float) -> str:
    return (SystemClock().now() + timedelta(**delta)).isoformat()


async def make_key(tenant: Tenant, **overrides: object) -> tuple[dict[str, Any], Tenant]:
    """Make a key and return it with a client that presents it."""
    body = {"name": "ci", "permissions": ["read"]} | overrides
    made = await tenant.post(KEYS, body, expect=201)
    client = httpx.AsyncClient(
        transport=tenant.http._transport,
        base_url="http://api",
        headers={"x-api-key": made["secret"]},
    )
    return made["data"], Tenant(tenant.tenant_id, tenant.slug, made["secret"], client)


async def test_key_when_made(acme: Tenant, superuser: Connection) -> None:
    """Its text is in the one answer, its record tells the rest, and it does what it may."""
    expires_at = soon(days=1)
    key, holder = await make_key(acme, expires_at=expires_at, rate_limit_per_minute=60)
    assert holder.key.startswith(key["key_prefix"])
    assert (key["name"], key["permissions"], key["is_active"]) == ("ci", ["read"], True)
    assert key["last_used_at"] is None
    await holder.get(PATH)
    await holder.post(PATH, {}, expect=403)
    shown = (await acme.get(f"{KEYS}/{key['api_key_id']}"))["data"]
    assert shown["last_used_at"] is not None
    assert shown | {"last_used_at": None} == key
    assert (await acme.get(KEYS))["data"][0] == shown
    text = str(await acme.get(KEYS)) + str(await acme.get("/api/v1/audit-events"))
    assert holder.key not in text
    stored = await superuser.fetch("select * from postern.api_keys")
    assert holder.key not in str(stored)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"permissions": ["read"]}, "name"),
        ({"name": "x", "permissions": []}, "permissions"),
        ({"name": "x", "permissions": ["rule"]}, "permissions.0"),
        ({"name": "x", "permissions": ["read"], "expires_at": "2020-01-01T00:00"}, "expires_at"),
        ({"name": "x", "permissions": ["read"], "rate_limit_per_minute": 0},
         "rate_limit_per_minute"),
        ({"name": "x", "permissions": ["read"], "colour": "red"}, "colour"),
    ],
)  # fmt: skip
async def test_key_when_its_body_is_faulty(acme: Tenant, body: dict[str, Any], field: str) -> None:
    """The field at fault is named, and no key is made."""
    refused = await acme.http.post(KEYS, json=body)
    assert refused.status_code == 422
    assert f'"field":"{field}"' in refused.text
    assert len((await acme.get(KEYS))["data"]) == 1


async def test_key_when_its_maker_has_less(acme: Tenant) -> None:
    """A key gives no permission, time or rate beyond its maker's, nor takes them for itself."""
    limits = {"expires_at": soon(hours=1), "rate_limit_per_minute": 100}
    own, admin = await make_key(acme, permissions=["read", "admin"], **limits)
    good = {"name": "x", "permissions": ["read"]} | limits
    await admin.post(KEYS, good, expect=201)
    for more in (
        {"permissions": ["read", "delete"]},
        {"expires_at": soon(hours=2)},
        {"expires_at": None},
        {"rate_limit_per_minute": 101},
        {"rate_limit_per_minute": None},
    ):
        await admin.post(KEYS, good | more, expect=403)
        path = f"{KEYS}/{own['api_key_id']}"
        changed = {"name": "x", "permissions": ["read", "admin"]} | limits
        answer = await admin.http.put(path, json=changed | more)
        assert answer.status_code == 403, more
    first = (await acme.get(KEYS))["data"][-1]
    assert first["permissions"] == ALL
    renamed = await admin.put(f"{KEYS}/{first['api_key_id']}", first | {"name": "root"})
    assert renamed["data"]["permissions"] == ALL


async def test_key_when_replaced_with_what_get_returns(acme: Tenant) -> None:
    """An answer sent back changes nothing; a change holds at once and is in the audit trail."""
    key, holder = await make_key(acme, permissions=["read", "update"], expires_at=soon(days=1))
    path = f"{KEYS}/{key['api_key_id']}"
    same = await acme.put(path, key)
    assert same["data"] == key
    await holder.get(PATH)
    changed = await acme.put(path, key | {"permissions": ["update"], "name": "less"})
    assert changed["data"]["permissions"] == ["update"]
    await holder.get(PATH, expect=403)
    event = (await acme.get("/api/v1/audit-events", {"action": "api_key.replaced"}))["data"][0]
    assert event["changes"]["fields"] == [
        {"field": "name", "before": "ci", "after": "less"},
        {"field": "permissions", "before": ["read", "update"], "after": ["update"]},
    ]


async def test_key_when_revoked_or_expired(acme: Tenant, superuser: Connection) -> None:
    """The next request is refused; the record stays; revoking again changes nothing."""
    key, holder = await make_key(acme)
    other, expiring = await make_key(acme, expires_at=soon(days=1))
    path = f"{KEYS}/{key['api_key_id']}"
    await holder.get(PATH)
    await acme.delete(path, expect=204)
    await holder.get(PATH, expect=401)
    revoked = (await acme.get(path))["data"]
    assert (revoked["is_active"], revoked["revoked_at"] is None) == (False, False)
    await acme.delete(path, expect=204)
    assert (await acme.get(path))["data"] == revoked
    await acme.put(path, key, expect=409)
    await expiring.get(PATH)
    await superuser.execute(
        "update postern.api_keys set expires_at = now() where api_key_id = $1",
        other["api_key_id"],
    )
    await expiring.get(PATH, expect=401)
    events = (await acme.get("/api/v1/audit-events", {"action": "api_key.revoked"}))["data"]
    assert [event["entity_id"] for event in events] == [key["api_key_id"]]


async def test_last_admin_key_when_it_would_go(acme: Tenant) -> None:
    """It goes, by revoking or by losing the permission, only where that is agreed to."""
    own = (await acme.get(KEYS))["data"][0]
    path = f"{KEYS}/{own['api_key_id']}"
    refused = await acme.http.delete(path)
    assert (refused.status_code, "last_admin_key" in refused.text) == (409, True)
    assert (await acme.http.put(path, json=own | {"permissions": ["read"]})).status_code == 409
    await make_key(acme, permissions=["read"])
    assert (await acme.http.delete(path)).status_code == 409
    _, second = await make_key(acme, permissions=["admin"])
    assert (await acme.http.delete(path)).status_code == 204
    own = (await second.get(KEYS))["data"][0]
    path = f"{KEYS}/{own['api_key_id']}?allow_no_admin=true"
    await second.delete(path, expect=204)
    await second.get(KEYS, expect=401)


async def test_last_admin_keys_when_they_revoke_each_other(acme: Tenant) -> None:
    """Of two that revoke each other at once, one stays."""
    for _ in range(5):
        _, other = await make_key(acme, permissions=ALL)
        ids = [
            key["api_key_id"]
            for key in (await acme.get(KEYS))["data"]
            if key["is_active"] and "admin" in key["permissions"]
        ]
        assert len(ids) == 2
        answers = await asyncio.gather(
            acme.http.delete(f"{KEYS}/{ids[0]}"), other.http.delete(f"{KEYS}/{ids[1]}")
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses in ([204, 401], [204, 409]), statuses
        if (await acme.http.get(KEYS)).status_code == 401:
            acme = other


async def test_rate_limit_when_reached(acme: Tenant, superuser: Connection) -> None:
    """Beyond its requests of a minute a key is told 429 and when to come again; others are not."""
    key, holder = await make_key(acme, rate_limit_per_minute=5)
    answers = await asyncio.gather(*(holder.http.get(PATH) for _ in range(12)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 5
    assert statuses.count(429) == 7
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 12
    assert "rate_limited" in refused.text
    await acme.get(PATH)
    await superuser.execute(
        "update postern.api_key_buckets set refilled_at = refilled_at - interval '12 s'"
    )
    assert [(await holder.http.get(PATH)).status_code for _ in range(2)] == [200, 429]
    await superuser.execute(
        "update postern.api_key_buckets set refilled_at = refilled_at - interval '1 hour'"
    )
    statuses = [(await holder.http.get(PATH)).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    await acme.put(f"{KEYS}/{key['api_key_id']}", key | {"rate_limit_per_minute": None})
    await holder.get(PATH)
