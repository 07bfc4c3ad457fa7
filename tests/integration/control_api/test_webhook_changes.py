"""PATCH, the switch and copies of webhooks."""

import copy
from typing import Any
from uuid import UUID

import pytest

from shared.crypto.keyring import Keyring
from shared.crypto.sealing import unseal
from shared.database.pool import Connection
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body

AUTHS: dict[str, dict[str, Any]] = {
    "hmac_sha256": {"signature_header": "X-Signature"},
    "bearer": {},
    "ip_allowlist": {"ip_cidrs": ["10.0.0.0/8", "2001:db8::/32"]},
    "path_token": {"query_param": "k"},
    "signature": {"preset": "github", "options": {}},
}
_CHANGING = {"version", "updated_at"}


async def _made(acme: Tenant, **overrides: object) -> tuple[str, dict[str, Any]]:
    """Create a webhook; return its path and it."""
    made = await acme.post(PATH, webhook_body(**overrides), expect=201)
    return f"{PATH}/{made['data']['inbound_webhook_id']}", made["data"]


async def _patch(acme: Tenant, path: str, body: object, *, expect: int = 200) -> Any:
    response = await acme.http.patch(
        path, json=body, headers={"content-type": "application/merge-patch+json"}
    )
    assert response.status_code == expect, response.text
    return response.json()


def _lasting(webhook: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in webhook.items() if name not in _CHANGING}


async def _secret(superuser: Connection, keyring: Keyring) -> str:
    """Return the one secret that is stored."""
    rows = await superuser.fetch("select * from postern.webhook_secrets")
    assert len(rows) == 1
    context = (rows[0]["tenant_id"], rows[0]["webhook_id"], rows[0]["secret_id"])
    return unseal(keyring, rows[0]["sealed"], context=context).decode()


@pytest.mark.parametrize("auth_type", AUTHS)
async def test_what_get_returns_when_put(
    acme: Tenant, superuser: Connection, auth_type: str
) -> None:
    """PUT takes the answer of GET as it is, for every auth type, and changes nothing by it."""
    path, _ = await _made(
        acme,
        auth_type=auth_type,
        auth_config=AUTHS[auth_type],
        ordering={"type": "key", "source": {"type": "header", "value": "X-Device"}},
        retry_policy={"max_attempts": 3},
    )
    await acme.post(f"{path}/capture-sample", expect=200)
    secrets = await superuser.fetch("select * from postern.webhook_secrets")
    before = (await acme.get(path))["data"]
    answer = await acme.put(path, before)
    assert answer["secret"] is None
    assert _lasting(answer["data"]) == _lasting(before)
    assert await superuser.fetch("select * from postern.webhook_secrets") == secrets


async def test_patch_when_nested_members_change(
    acme: Tenant, superuser: Connection, keyring: Keyring
) -> None:
    """Members merge at every depth, null removes one, and what is not named stays, secret too."""
    path, before = await _made(acme)
    patch = {
        "description": "Devices of the RMM",
        "idempotency_source": {"value": "event.key"},
        "handler_config": {"field_mapping": {"name": "device.name", "status": None}},
    }
    answer = await _patch(acme, path, patch)
    mapping = REFERENCE["handler_config"]["field_mapping"] | {"name": "device.name"}
    del mapping["status"]
    expected = copy.deepcopy(before) | {"description": "Devices of the RMM"}
    expected["idempotency_source"] = {"type": "jsonata", "value": "event.key"}
    expected["handler_config"]["field_mapping"] = mapping
    assert _lasting(answer["data"]) == _lasting(expected)
    assert answer["data"]["version"] == 2
    assert answer["secret"] is None
    assert await _secret(superuser, keyring) == REFERENCE["auth_config"]["secret"]


async def test_patch_when_it_removes_what_has_a_default(acme: Tenant) -> None:
    """Null gives a member its default, as a PUT without it does."""
    path, _ = await _made(acme, retry_policy={"max_attempts": 3}, description="Old")
    removed = ("rate_limit_per_minute", "retry_policy", "description", "idempotency_source")
    answer = (await _patch(acme, path, dict.fromkeys(removed)))["data"]
    assert [answer[name] for name in removed] == [600, None, None, None]


async def test_patch_when_the_whole_is_faulty(acme: Tenant, superuser: Connection) -> None:
    """The patched webhook is judged as a whole; a refused patch changes nothing."""
    path, _ = await _made(acme)
    stored = await superuser.fetchrow("select * from postern.webhooks")
    patch = {
        "name": None,
        "slug": "No Slug",
        "colour": "red",
        "handler_config": {"field_mapping": {"external_id": None, "nmae": "a", "name": "a.("}},
    }
    error = await _patch(acme, path, patch, expect=422)
    assert {(fault["field"], fault["rule"]) for fault in error["errors"]} == {
        ("name", "required"),
        ("slug", "pattern"),
        ("colour", "unknown_field"),
        ("handler_config.field_mapping.external_id", "required"),
        ("handler_config.field_mapping.nmae", "unknown_target_field"),
        ("handler_config.field_mapping.name", "expression"),
    }
    assert (await _patch(acme, path, ["a"], expect=422))["code"] == "invalid_input"
    assert await superuser.fetchrow("select * from postern.webhooks") == stored


async def test_patch_when_the_auth_type_changes(
    acme: Tenant, superuser: Connection, keyring: Keyring
) -> None:
    """The old type's config goes, a new secret comes; a patch's own secret takes its place."""
    path, _ = await _made(acme)
    answer = await _patch(acme, path, {"auth_type": "path_token"})
    assert answer["data"]["auth_config"] == {"type": "path_token", "query_param": "token"}
    assert answer["secret"] == await _secret(superuser, keyring)
    given = {"auth_config": {"secret": "a-secret-of-my-own"}}
    assert (await _patch(acme, path, given))["secret"] == "a-secret-of-my-own"
    assert await _secret(superuser, keyring) == "a-secret-of-my-own"


async def test_switch_when_used(acme: Tenant, superuser: Connection) -> None:
    """Enabling lifts an automatic stop; a switch that stands so already is no change."""
    path, _ = await _made(acme)
    off = (await acme.post(f"{path}/disable", expect=200))["data"]
    assert (off["is_active"], off["version"]) == (False, 2)
    assert (await acme.post(f"{path}/disable", expect=200))["data"]["version"] == 2
    await superuser.execute("update postern.webhooks set auto_disabled_at = now()")
    on = (await acme.post(f"{path}/enable", expect=200))["data"]
    assert (on["is_active"], on["version"], on["auto_disabled_at"]) == (True, 3, None)
    events = await superuser.fetch("select action from postern.audit_events order by event_id")
    assert [event["action"] for event in events[2:]] == ["webhook.disabled", "webhook.enabled"]


async def test_clone_when_made_again_and_again(
    acme: Tenant, superuser: Connection, keyring: Keyring
) -> None:
    """A copy has the settings, another slug and a secret of its own, which is shown once."""
    path, original = await _made(acme)
    copies = [await acme.post(f"{path}/clone", expect=201) for _ in range(3)]
    slug = original["slug"]
    assert [made["data"]["slug"] for made in copies] == [
        f"{slug}-copy",
        f"{slug}-copy-2",
        f"{slug}-copy-3",
    ]
    own = {"inbound_webhook_id", "slug", "name", "receiver_url", "created_at"}
    for made in copies:
        clone = made["data"]
        assert clone["name"] == "RMM device updates (copy)"
        assert {name for name in clone if clone[name] != original[name]} <= own | _CHANGING
    secrets = {made["secret"] for made in copies}
    assert len(secrets) == 3
    assert REFERENCE["auth_config"]["secret"] not in secrets
    rows = await superuser.fetch("select * from postern.webhook_secrets")
    stored = {
        unseal(
            keyring,
            row["sealed"],
            context=(row["tenant_id"], row["webhook_id"], row["secret_id"]),
        ).decode()
        for row in rows
    }
    assert stored == secrets | {REFERENCE["auth_config"]["secret"]}


async def test_clone_when_named(acme: Tenant, rival: Tenant) -> None:
    """The caller says how the copy differs; a taken slug is a conflict, a foreign id 404."""
    path, _ = await _made(acme)
    wanted = {"name": "Second", "slug": "second", "is_active": False}
    clone = (await acme.post(f"{path}/clone", wanted, expect=201))["data"]
    assert {name: clone[name] for name in wanted} == wanted
    await acme.post(f"{path}/clone", wanted, expect=409)
    error = await acme.post(f"{path}/clone", {"slug": None}, expect=422)
    assert error["errors"][0]["field"] == "slug"
    await rival.post(f"{path}/clone", expect=404)
    assert UUID(clone["inbound_webhook_id"]) != UUID(path.rpartition("/")[2])
