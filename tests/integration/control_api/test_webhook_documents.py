"""Webhooks exported and imported as one document."""

import copy
from typing import Any

import orjson
import pytest

from shared.database.pool import Connection
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhook_changes import AUTHS
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body

EXPORT, IMPORT = f"{PATH}/export", f"{PATH}/import"
_UNCHANGED = {"create": 0, "update": 0, "delete": 0}


async def _export(tenant: Tenant) -> dict[str, Any]:
    response = await tenant.http.get(EXPORT)
    assert response.status_code == 200
    found: dict[str, Any] = orjson.loads(response.content)
    return found


async def _import(
    tenant: Tenant, document: object, *, expect: int = 200, **params: str
) -> dict[str, Any]:
    response = await tenant.http.post(IMPORT, params=params, json=document)
    assert response.status_code == expect, response.text
    answer: dict[str, Any] = response.json()
    return answer["data"] if expect == 200 else answer


async def _make_all(acme: Tenant) -> None:
    """Create a webhook of every auth type, not in the order of their slugs."""
    for auth_type, config in reversed(AUTHS.items()):
        body = webhook_body(
            slug=f"by-{auth_type.replace('_', '-')}",
            auth_type=auth_type,
            auth_config=config,
            retry_policy={"max_attempts": 3, "factor": 1.5},
            ordering={"type": "key", "source": {"type": "jsonata", "value": "device.id"}},
        )
        await acme.post(PATH, body, expect=201)


async def test_document_when_exported_twice(acme: Tenant) -> None:
    """It is the same text every time: by slug, keys sorted, indented, with no secret in it."""
    await _make_all(acme)
    first, second = [(await acme.http.get(EXPORT)).content for _ in range(2)]
    assert first == second
    assert first.endswith(b"\n")
    document = orjson.loads(first)
    slugs = [webhook["slug"] for webhook in document["webhooks"]]
    assert slugs == sorted(slugs)
    sorted_again = orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
    assert first == sorted_again + b"\n"
    assert REFERENCE["auth_config"]["secret"].encode() not in first


async def test_round_trip_when_imported_again(acme: Tenant, superuser: Connection) -> None:
    """What was exported changes nothing where it came from, neither planned nor applied."""
    await _make_all(acme)
    document = await _export(acme)
    before = await superuser.fetch("select * from postern.webhooks order by webhook_id")
    for mode in ("plan", "apply"):
        answer = await _import(acme, document, mode=mode, prune="true")
        assert answer["counts"] == _UNCHANGED | {"unchanged": len(AUTHS)}
        assert answer["secrets"] == []
    assert await superuser.fetch("select * from postern.webhooks order by webhook_id") == before


async def test_import_when_the_tenant_is_new(acme: Tenant, rival: Tenant) -> None:
    """Another tenant gets the same configuration with secrets of its own, and then no change."""
    await _make_all(acme)
    document = await _export(acme)
    planned = await _import(rival, document)
    assert planned["counts"] == _UNCHANGED | {"unchanged": 0, "create": len(AUTHS)}
    assert (planned["is_applied"], planned["secrets"]) == (False, [])
    assert (await rival.get(PATH))["data"] == []
    applied = await _import(rival, document, mode="apply")
    with_secret = {entry["slug"] for entry in applied["secrets"]}
    assert with_secret == {"by-hmac-sha256", "by-bearer", "by-path-token", "by-signature"}
    assert all(len(entry["secret"]) == 43 for entry in applied["secrets"])
    assert await _export(rival) == document
    again = await _import(rival, document)
    assert again["counts"] == _UNCHANGED | {"unchanged": len(AUTHS)}
    assert await _export(acme) == document


async def test_plan_when_fields_differ(acme: Tenant, superuser: Connection) -> None:
    """A plan tells what it would create, update and delete, by field, and does none of it."""
    await _make_all(acme)
    document = await _export(acme)
    bearer, hmac, networks, token, signature = document["webhooks"]
    hmac["handler_config"]["field_mapping"]["name"] = "device.label"
    hmac["rate_limit_per_minute"] = 61
    new = copy.deepcopy(token) | {"slug": "new"}
    document["webhooks"] = [new, hmac, networks, token, signature]
    before = await superuser.fetch("select * from postern.webhooks order by webhook_id")
    plan = await _import(acme, document, prune="true")
    assert plan["counts"] == {"create": 1, "update": 1, "unchanged": 3, "delete": 1}
    steps = {step["slug"]: step for step in plan["webhooks"]}
    assert list(steps) == sorted(steps)
    assert steps["new"]["action"] == "create"
    assert steps[bearer["slug"]]["action"] == "delete"
    assert steps[hmac["slug"]]["changes"]["fields"] == [
        {
            "field": "handler_config.field_mapping.name",
            "before": "device.hostname",
            "after": "device.label",
        },
        {"field": "rate_limit_per_minute", "before": 60, "after": 61},
    ]
    assert await superuser.fetch("select * from postern.webhooks order by webhook_id") == before
    kept = await _import(acme, document)
    assert kept["counts"]["delete"] == 0
    await _import(acme, document, mode="apply", prune="true")
    exported = {webhook["slug"]: webhook for webhook in (await _export(acme))["webhooks"]}
    assert exported == {webhook["slug"]: webhook for webhook in document["webhooks"]}


async def test_faults_when_there_are_many(acme: Tenant, superuser: Connection) -> None:
    """Every fault of every webhook is told with its path, and not one webhook is imported."""
    good = webhook_body(auth_config={"signature_header": "X-Sig"})
    secret = webhook_body(slug="b", auth_config={"signature_header": "X", "secret": "x" * 20})
    mapping = {"external_id": "a.(", "nmae": "b"}
    config = {"action": "upsertAssetByExternalId", "field_mapping": mapping}
    faulty = good | {"slug": "c", "name": "", "handler_config": config}
    document = {
        "format": "postern.webhooks/1",
        "webhooks": [good, secret, faulty, good, 7],
        "colour": "red",
    }
    error = await _import(acme, document, mode="apply", expect=422)
    assert {(fault["field"], fault["rule"]) for fault in error["errors"]} == {
        ("colour", "unknown_field"),
        ("webhooks[1].auth_config.secret", "no_secret"),
        ("webhooks[2].name", "min_length"),
        ("webhooks[2].handler_config.field_mapping.external_id", "expression"),
        ("webhooks[2].handler_config.field_mapping.nmae", "unknown_target_field"),
        ("webhooks[3].slug", "unique"),
        ("webhooks[4]", "type"),
    }
    assert await superuser.fetchval("select count(*) from postern.webhooks") == 0


async def test_apply_when_it_fails_midway(acme: Tenant, superuser: Connection) -> None:
    """Where the last webhook cannot be written, none is."""
    document: dict[str, Any] = {"format": "postern.webhooks/1", "webhooks": []}
    for slug in ("a", "b", "c"):
        document["webhooks"].append(
            webhook_body(slug=slug, auth_config={"signature_header": "X-Sig"})
        )
    await superuser.execute("alter table postern.webhooks add constraint no_c check (slug <> 'c')")
    with pytest.raises(AssertionError):
        await _import(acme, document, mode="apply")
    assert await superuser.fetchval("select count(*) from postern.webhooks") == 0
    assert await superuser.fetchval("select count(*) from postern.webhook_secrets") == 0


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], ""),
        ({"webhooks": []}, "format"),
        ({"format": "postern.webhooks/2", "webhooks": []}, "format"),
        ({"format": "postern.webhooks/1"}, "webhooks"),
        ({"format": "postern.webhooks/1", "webhooks": {}}, "webhooks"),
    ],
)
async def test_document_when_it_is_none(acme: Tenant, document: object, field: str) -> None:
    """What is no document is refused with what is wrong."""
    error = await _import(acme, document, expect=422)
    assert field in {fault["field"] for fault in error["errors"]}


async def test_prune_when_the_permission_is_missing(acme: Tenant, superuser: Connection) -> None:
    """Deleting by an import needs the permission to delete; an unknown mode is refused."""
    await superuser.execute("update postern.api_keys set permissions = '{create,read,update}'")
    empty = {"format": "postern.webhooks/1", "webhooks": []}
    await _import(acme, empty, mode="apply")
    await _import(acme, empty, mode="apply", prune="true", expect=403)
    error = await _import(acme, empty, mode="perhaps", expect=422)
    assert error["errors"][0]["field"] == "mode"
