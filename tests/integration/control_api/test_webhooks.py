"""Webhooks through the API, on real PostgreSQL."""

import copy
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.crypto.keyring import Keyring
from shared.crypto.sealing import unseal
from shared.database.pool import Connection
from shared.domain.identifiers import uuid7
from tests.integration.control_api.conftest import GATEWAY_URL, Tenant

PATH = "/api/v1/inbound-webhooks"
REFERENCE: dict[str, Any] = {
    "name": "RMM device updates",
    "slug": "rmm-device-updates",
    "auth_type": "hmac_sha256",
    "auth_config": {
        "signature_header": "X-RMM-Signature",
        "secret": "replace-with-shared-secret",
    },
    "idempotency_source": {"type": "jsonata", "value": "event.id"},
    "handler_type": "direct_action",
    "handler_config": {
        "action": "upsertAssetByExternalId",
        "field_mapping": {
            "external_id": "device.id",
            "client_external_id": "organization.id",
            "asset_type": "'workstation'",
            "name": "device.hostname",
            "status": "device.status",
            "rmm_snapshot": "$",
        },
    },
    "rate_limit_per_minute": 60,
    "is_active": True,
}


def webhook_body(**overrides: object) -> dict[str, Any]:
    return copy.deepcopy(REFERENCE) | overrides


async def test_reference_example_when_created(acme: Tenant) -> None:
    """The documented body is accepted to the letter and comes back with receiver and secret."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    webhook = made["data"]
    assert made["secret"] == "replace-with-shared-secret"
    assert webhook["receiver_url"] == f"{GATEWAY_URL}/api/inbound/acme/rmm-device-updates"
    assert webhook["tenant"] == str(acme.tenant_id)
    assert webhook["auth_config"] == {
        "type": "hmac_sha256",
        "signature_header": "X-RMM-Signature",
    }
    assert webhook["handler_config"]["field_mapping"]["rmm_snapshot"] == "$"
    assert webhook["version"] == 1
    assert webhook["idempotency_window_seconds"] == 86_400
    read = await acme.get(f"{PATH}/{webhook['inbound_webhook_id']}")
    assert read == {"data": webhook}
    assert webhook["retry_policy"] is None
    assert webhook["ordering"] is None
    assert webhook.pop("circuit_breaker")["state"] == "closed"
    del webhook["sample"]
    assert (await acme.get(PATH))["data"] == [webhook]


async def test_stored_configs_when_created(acme: Tenant, superuser: Connection) -> None:
    """What gateways and workers read holds neither type nor secret."""
    await acme.post(PATH, REFERENCE, expect=201)
    row = await superuser.fetchrow(
        "select auth_config::text, handler_config::text, idempotency_source::text, created_by"
        " from postern.webhooks"
    )
    assert row is not None
    assert row["auth_config"] == '{"signature_header": "X-RMM-Signature"}'
    assert '"type"' not in row["handler_config"]
    assert row["idempotency_source"] == '{"type": "jsonata", "value": "event.id"}'
    assert row["created_by"] is not None


async def test_what_get_returns_when_sent_back(acme: Tenant) -> None:
    """PUT accepts the answer of GET and keeps the secret."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}"
    before = (await acme.get(path))["data"]
    changed = await acme.put(path, before | {"name": "Renamed"})
    assert changed["secret"] is None
    assert changed["data"] | {"updated_at": 0} == before | {
        "name": "Renamed",
        "version": 2,
        "updated_at": 0,
    }


async def test_all_faults_when_many_rules_are_broken(acme: Tenant) -> None:
    """One answer names every fault, with field, rule and value, whichever part it is in."""
    body = webhook_body(
        name="",
        slug="No Slug",
        surprise=1,
        auth_config={"secret": "too-short", "type": "bearer"},
        idempotency_source={"type": "jsonata", "value": "event.["},
        rate_limit_per_minute=0,
        handler_config={
            "action": "upsertAssetByExternalId",
            "field_mapping": {"nmae": "device.name", "name": "device.("},
        },
    )
    error = await acme.post(PATH, body, expect=422)
    assert error["code"] == "invalid_input"
    assert {(fault["field"], fault["rule"]) for fault in error["errors"]} == {
        ("name", "min_length"),
        ("slug", "pattern"),
        ("surprise", "unknown_field"),
        ("auth_config.signature_header", "required"),
        ("auth_config.secret", "min_length"),
        ("auth_config.type", "one_of"),
        ("idempotency_source.value", "expression"),
        ("rate_limit_per_minute", "minimum"),
        ("handler_config.field_mapping.name", "expression"),
        ("handler_config.field_mapping.nmae", "unknown_target_field"),
        ("handler_config.field_mapping.external_id", "required"),
    }
    values = {fault["field"]: fault["value"] for fault in error["errors"]}
    assert values["slug"] == "No Slug"
    assert values["rate_limit_per_minute"] == 0
    assert values["auth_config.secret"] is None


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        (["10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "::1"], None),
        (["10.1.2.3/8"], "did you mean 10.0.0.0/8"),
        (["10.0.0.0/33"], "Not an IPv4 or IPv6 network"),
        (["example.com"], "Not an IPv4 or IPv6 network"),
        ([], "at least 1 item"),
    ],
)
async def test_networks_when_saved(acme: Tenant, networks: list[str], told: str | None) -> None:
    """Networks of both families are kept as written; a faulty one is refused with a hint."""
    body = webhook_body(auth_type="ip_allowlist", auth_config={"ip_cidrs": networks})
    answer = await acme.post(PATH, body, expect=201 if told is None else 422)
    if told is None:
        assert answer["data"]["auth_config"]["ip_cidrs"] == networks
        assert answer["secret"] is None
    else:
        assert told in answer["errors"][0]["message"]


async def test_action_when_no_worker_has_announced_one(
    acme: Tenant, superuser: Connection
) -> None:
    """An empty catalogue refuses every action and says why."""
    await superuser.execute("delete from postern.action_catalog")
    error = await acme.post(PATH, REFERENCE, expect=422)
    assert [(fault["field"], fault["rule"]) for fault in error["errors"]] == [
        ("handler_config.action", "unknown_action")
    ]
    assert "no worker has announced" in error["detail"]


async def test_workflow_when_it_is_unknown(acme: Tenant) -> None:
    """A workflow that no worker runs is refused."""
    body = webhook_body(handler_type="workflow", handler_config={"workflow": "triage"})
    error = await acme.post(PATH, body, expect=422)
    assert error["errors"][0]["rule"] == "unknown_workflow"


@pytest.mark.parametrize("slug", ["hudu", "tactical-rmm", "-a", "a" * 65, "Ümlaut", "a_b"])
async def test_slug_when_reserved_or_malformed(acme: Tenant, slug: str) -> None:
    """Names of bundled integrations and what does not fit a URL are refused."""
    error = await acme.post(PATH, webhook_body(slug=slug), expect=422)
    assert error["errors"][0]["field"] == "slug"


async def test_slug_when_taken(acme: Tenant, rival: Tenant) -> None:
    """A slug is unique within its tenant alone, and free again after a deletion."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    assert (await acme.post(PATH, REFERENCE, expect=409))["code"] == "conflict"
    await rival.post(PATH, REFERENCE, expect=201)
    await acme.delete(f"{PATH}/{made['data']['inbound_webhook_id']}", expect=204)
    await acme.post(PATH, REFERENCE, expect=201)


async def test_secret_when_none_is_given(
    acme: Tenant, superuser: Connection, keyring: Keyring
) -> None:
    """A secret is made up, shown once, and opens only in its own row."""
    body = webhook_body(auth_type="bearer", auth_config={})
    made = await acme.post(PATH, body, expect=201)
    assert len(made["secret"]) == 43
    row = await superuser.fetchrow("select * from postern.webhook_secrets")
    assert row is not None
    context = (row["tenant_id"], row["webhook_id"], row["secret_id"])
    assert unseal(keyring, row["sealed"], context=context).decode() == made["secret"]


async def test_secret_when_everything_is_searched(acme: Tenant, superuser: Connection) -> None:
    """A secret stands in no row of any table in clear, and no later answer repeats it."""
    secret = "canary-0123456789-canary"
    body = webhook_body(auth_type="path_token", auth_config={"token": secret})
    made = await acme.post(PATH, body, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}"
    await acme.post(f"{path}/rotate-secret", {"overlap_seconds": 60}, expect=200)
    answers = [await acme.get(path), await acme.get(PATH)]
    answers.append(await acme.put(path, body | {"auth_config": {"query_param": "t"}}))
    short = body | {"auth_config": {"token": secret, "tokn": secret, "type": secret}}
    answers.append(await acme.put(path, short | {"auth_config": [secret]}, expect=422))
    answers.append(await acme.put(path, short | {"auth_config": {"tokn": secret}}, expect=422))
    assert secret not in str(answers)
    assert await tables_containing(superuser, secret) == []
    assert await tables_containing(superuser, acme.key) == []
    assert await tables_containing(superuser, "acme") != []


async def tables_containing(superuser: Connection, text: str) -> list[str]:
    tables = await superuser.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables"
        " where schemaname in ('postern', 'psa')"
    )
    found = []
    for table in tables:
        # bytea is shown as hex: look for the text in both forms.
        hit = await superuser.fetchval(
            f"select count(*) from {table['name']} as t"
            " where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0",
            text,
            text.encode().hex(),
        )
        if hit:
            found.append(table["name"])
    return found


async def test_rotation_when_without_overlap(acme: Tenant, superuser: Connection) -> None:
    """The old secret is gone at once, and the webhook's new version tells the gateways."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}/rotate-secret"
    rotated = await acme.post(path, expect=200)
    assert rotated["secret"] not in {None, made["secret"]}
    assert rotated["data"]["version"] == 2
    assert await superuser.fetchval("select count(*) from postern.webhook_secrets") == 1


async def test_rotation_when_overlapping(acme: Tenant, superuser: Connection) -> None:
    """The old secret counts for the overlap and no longer; a later cut ends it at once."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}/rotate-secret"
    await acme.post(path, {"overlap_seconds": 3600}, expect=200)
    left = await superuser.fetch(
        "select extract(epoch from valid_until - now()) from postern.webhook_secrets"
        " order by secret_id"
    )
    assert len(left) == 2
    assert 3500 < left[0][0] <= 3600
    assert left[1][0] is None
    await acme.post(path, {"overlap_seconds": 0}, expect=200)
    assert await superuser.fetchval("select count(*) from postern.webhook_secrets") == 1


async def test_rotation_when_there_is_no_secret(acme: Tenant) -> None:
    """Rotating an address list is refused with the reason."""
    body = webhook_body(auth_type="ip_allowlist", auth_config={"ip_cidrs": ["10.0.0.0/8"]})
    made = await acme.post(PATH, body, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}/rotate-secret"
    error = await acme.post(path, expect=409)
    assert "ip_allowlist has no secret" in error["detail"]


async def test_secrets_when_auth_type_changes(acme: Tenant, superuser: Connection) -> None:
    """A new type never keeps the old type's secret, and an address list keeps none."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}"
    bearer = await acme.put(path, webhook_body(auth_type="bearer", auth_config={}))
    assert bearer["secret"] not in {None, made["secret"]}
    assert await superuser.fetchval("select count(*) from postern.webhook_secrets") == 1
    networks = {"ip_cidrs": ["10.0.0.0/8"]}
    await acme.put(path, webhook_body(auth_type="ip_allowlist", auth_config=networks))
    assert await superuser.fetchval("select count(*) from postern.webhook_secrets") == 0


async def test_deleted_webhook_when_asked_for(acme: Tenant, superuser: Connection) -> None:
    """It is gone for every route, its secrets are deleted, gateways learn of it."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}"
    await acme.delete(path, expect=204)
    await acme.get(path, expect=404)
    await acme.put(path, REFERENCE, expect=404)
    await acme.delete(path, expect=404)
    await acme.post(f"{path}/rotate-secret", expect=404)
    assert (await acme.get(PATH))["data"] == []
    assert await superuser.fetchval("select count(*) from postern.webhook_secrets") == 0
    assert await superuser.fetchval("select version from postern.webhooks") == 2


async def test_malformed_bodies_when_sent(acme: Tenant) -> None:
    """What is no JSON is 400, what is too much 413, what is no object 422."""
    malformed = await acme.http.post(PATH, content=b'{"name": ')
    assert malformed.status_code == 400
    assert malformed.json()["code"] == "invalid_json"
    large = await acme.http.post(PATH, content=b'"' + b"x" * 100_001 + b'"')
    assert large.status_code == 413
    assert large.json()["code"] == "payload_too_large"
    endless = await acme.http.post(PATH, content=_chunks(11))
    assert endless.status_code == 413
    assert (await acme.http.post(PATH, content=_chunks(9))).status_code == 400
    for content in (b"[]", b"7", b"[" * 70 + b"]" * 70):
        refused = await acme.http.post(PATH, content=content)
        assert refused.status_code == 422, content
        assert len(refused.json()["errors"]) == 1


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 10_000


async def test_control_characters_when_in_text(acme: Tenant) -> None:
    """NUL, which no PostgreSQL text can hold, is a fault of the input, not of the server."""
    mapping = {"external_id": "'a\x00b'"}
    config = {"action": "upsertAssetByExternalId", "field_mapping": mapping}
    body = webhook_body(name="a\x00b", description="\x00", handler_config=config)
    error = await acme.post(PATH, body, expect=422)
    assert {fault["rule"] for fault in error["errors"]} == {"no_control_characters"}
    assert len(error["errors"]) == 3


async def test_pages_when_webhooks_are_many(acme: Tenant) -> None:
    """Following the cursor shows every webhook once, newest first."""
    for number in range(5):
        await acme.post(PATH, webhook_body(slug=f"hook-{number}"), expect=201)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        params = {"cursor": cursor} if cursor else {}
        page = await acme.get(PATH, {"limit": "2"} | params)
        seen += [webhook["slug"] for webhook in page["data"]]
        cursor = page["meta"]["next_cursor"]
    assert cursor is None
    assert seen == [f"hook-{number}" for number in (4, 3, 2, 1, 0)]


async def test_audit_trail_when_a_webhook_lives(acme: Tenant, superuser: Connection) -> None:
    """Each change is written down with who did it."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    path = f"{PATH}/{made['data']['inbound_webhook_id']}"
    await acme.put(path, REFERENCE)
    await acme.post(f"{path}/rotate-secret", expect=200)
    await acme.delete(path, expect=204)
    events = await superuser.fetch(
        "select * from postern.audit_events order by occurred_at, event_id"
    )
    assert [event["action"] for event in events] == [
        "api_key.created",
        "webhook.created",
        "webhook.replaced",
        "webhook.secret_rotated",
        "webhook.deleted",
    ]
    assert {event["actor"].partition(":")[0] for event in events[1:]} == {"api_key"}


async def test_actions_when_listed(acme: Tenant) -> None:
    """The catalogue shows each action with its target fields."""
    actions = (await acme.get(f"{PATH}/actions"))["data"]
    assert [action["name"] for action in actions] == ["upsertAssetByExternalId"]
    assert actions[0]["target_fields"][0]["name"] == "external_id"


async def test_id_when_it_is_none(acme: Tenant) -> None:
    """A path that holds no id leads nowhere."""
    for path in (f"{PATH}/seven", f"{PATH}/seven/deliveries", "/api/v1/assets/x", "/nothing"):
        assert (await acme.get(path, expect=404))["code"] == "not_found"


async def test_request_id_when_given_or_not(anonymous: httpx.AsyncClient) -> None:
    """Every answer carries the client's own id where it is harmless, else a new one."""
    given = await anonymous.get(PATH, headers={"x-request-id": "abc.7"})
    assert given.headers["x-request-id"] == "abc.7"
    made = await anonymous.get(PATH, headers={"x-request-id": "a b"})
    assert len(made.headers["x-request-id"]) == 36


async def test_open_circuit_breaker_when_replaced(acme: Tenant, superuser: Connection) -> None:
    """A webhook shows its open breaker; replacing the webhook closes it and frees what it held."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    webhook_id = UUID(made["data"]["inbound_webhook_id"])
    await superuser.execute(
        "insert into postern.circuit_breakers"
        " (tenant_id, webhook_id, failures, last_failed, opened_at, hold_seconds, probe_at)"
        " values ($1, $2, 10, $2, now(), 30, now() + interval '30 s')",
        acme.tenant_id,
        webhook_id,
    )
    await superuser.execute(
        "insert into postern.outbox (tenant_id, delivery_id, available_at, held_for)"
        " values ($1, $2, now() + interval '1 hour', $3)",
        acme.tenant_id,
        uuid7(),
        webhook_id,
    )
    shown = (await acme.get(f"{PATH}/{webhook_id}"))["data"]["circuit_breaker"]
    assert (shown["state"], shown["consecutive_failures"]) == ("open", 10)
    assert shown["opened_at"] < shown["next_probe_at"]
    replaced = (await acme.put(f"{PATH}/{webhook_id}", REFERENCE))["data"]
    assert replaced["circuit_breaker"]["state"] == "closed"
    row = await superuser.fetchrow(
        "select available_at <= now() as due, held_for from postern.outbox"
    )
    assert row is not None
    assert (row["due"], row["held_for"]) == (True, None)
