"""Dry runs: what a webhook would do, told without doing it."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from control_api.access import Services
from shared.database.pool import Connection, reading_transaction
from shared.domain.identifiers import uuid7
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.sandboxed import sandboxed
from tests.integration.control_api.test_webhooks import PATH, webhook_body
from worker.actions import tags, tickets

_DEVICE = {
    "device": {"id": "d-1", "hostname": "front-desk", "status": "up"},
    "organization": {"id": "o-1"},
}


async def everything(superuser: Connection) -> dict[str, Any]:
    """Return a digest of every table of every schema, and where every sequence stands."""
    state: dict[str, Any] = {}
    tables = await superuser.fetch(
        "select format('%I.%I', n.nspname, c.relname) as name, c.relkind = 'S' as is_sequence"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'S') and n.nspname !~ '^pg_|^information_schema$'"
    )
    for table in tables:
        name = table["name"]
        if table["is_sequence"]:
            row = await superuser.fetchrow(f"select last_value, is_called from {name}")
            state[name] = tuple(row or ())
        else:
            state[name] = await superuser.fetchval(
                "select md5(coalesce(string_agg(t::text, '|' order by t::text), ''))"
                f" from {name} t"
            )
    return state


async def _webhook(tenant: Tenant, **overrides: object) -> str:
    made = await tenant.post(PATH, webhook_body(**overrides), expect=201)
    return f"{PATH}/{made['data']['inbound_webhook_id']}"


async def _dry(tenant: Tenant, path: str, body: object) -> dict[str, Any]:
    answer = await tenant.post(f"{path}/test", {"body": body, "dry_run": True}, expect=200)
    found: dict[str, Any] = answer["data"]
    return found


async def _map(tenant: Tenant, path: str, entity_type: str, external_id: str, id_: object) -> None:
    body = {"entity_type": entity_type, "external_id": external_id, "entity_id": str(id_)}
    await tenant.put(f"{path}/external-mappings", body)


async def _announce(superuser: Connection, *definitions: Any) -> None:
    for definition in definitions:
        await superuser.execute(
            "insert into postern.action_catalog (name, entity_type, definition)"
            " values ($1, $2, $3)",
            definition["name"],
            definition["entity_type"],
            orjson.dumps(definition).decode(),
        )


async def test_database_when_a_dry_run_is_over(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """Not one row of any table, nor a sequence, is changed; by a test in earnest many are."""
    async with sandboxed(services, acme) as (tenant,):
        path = await _webhook(tenant)
        client = (await tenant.post("/api/v1/clients", {"name": "Contoso"}, expect=201))["data"]
        await _map(tenant, path, "client", "o-1", client["client_id"])
        await tenant.post(f"{path}/capture-sample", expect=200)
        before = await everything(superuser)
        assert len(before) > 30
        for body in (_DEVICE, {}, None, [_DEVICE], {"device": {"id": None}}):
            await _dry(tenant, path, body)
        assert await everything(superuser) == before
        await tenant.post(f"{path}/test", {"body": _DEVICE}, expect=202)
        after = await everything(superuser)
    assert {name for name in after if after[name] != before[name]} >= {
        "postern.outbox",
        "postern.audit_events",
    }


async def test_transaction_when_it_reads_only(services: Services, acme: Tenant) -> None:
    """PostgreSQL itself refuses a write in the transaction of a dry run."""
    with pytest.raises(Exception, match="read-only transaction"):
        async with reading_transaction(services.tenant_pool, acme.tenant_id) as connection:
            await connection.execute("delete from postern.webhooks")


async def test_asset_when_it_is_new_known_or_gone(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """The verdict follows what the external ids stand for; each lookup names what it found."""
    async with sandboxed(services, acme) as (tenant,):
        path = await _webhook(tenant)
        missing = await _dry(tenant, path, _DEVICE)
        assert missing["would"] == "reject"
        assert missing["reasons"] == ["lookup_miss: no client has the external id 'o-1'"]
        client = (await tenant.post("/api/v1/clients", {"name": "Contoso"}, expect=201))["data"]
        await _map(tenant, path, "client", "o-1", client["client_id"])
        new = await _dry(tenant, path, _DEVICE)
        assert (new["would"], new["reasons"]) == ("create", [])
        lookups = {lookup["field"]: lookup for lookup in new["lookups"]}
        assert lookups["external_id"]["then"] == "create"
        assert lookups["client_external_id"]["entity_name"] == "Contoso"
        assert lookups["client_external_id"]["entity_id"] == client["client_id"]
        asset_id = uuid7()
        await superuser.execute(
            "insert into psa.assets (tenant_id, asset_id, name) values ($1, $2, 'front-desk')",
            acme.tenant_id,
            asset_id,
        )
        await _map(tenant, path, "asset", "d-1", asset_id)
        known = await _dry(tenant, path, _DEVICE)
        assert known["would"] == "update"
        found = next(item for item in known["lookups"] if item["field"] == "external_id")
        assert (found["entity_id"], found["entity_name"]) == (str(asset_id), "front-desk")
        await superuser.execute("delete from psa.assets")
        assert (await _dry(tenant, path, _DEVICE))["would"] == "create"


async def test_fields_when_mapped(services: Services, acme: Tenant) -> None:
    """Every target field is shown: expression, what was found, the value, or its fault."""
    mapping = {
        "external_id": "device.id",
        "name": "$uppercase(device.hostname)",
        "client_id": "device.id",
        "status": "device.state",
        "rmm_snapshot": "$",
        "asset_type": "$uppercase(device)",
    }
    config = {"action": "upsertAssetByExternalId", "field_mapping": mapping}
    async with sandboxed(services, acme) as (tenant,):
        path = await _webhook(tenant, handler_config=config)
        told = await _dry(tenant, path, _DEVICE)
    fields = {field["field"]: field for field in told["fields"]}
    assert fields["name"]["value"] == "FRONT-DESK"
    assert (fields["status"]["is_set"], fields["status"]["found_type"]) == (False, "undefined")
    assert fields["rmm_snapshot"]["value"] == _DEVICE
    assert fields["client_id"]["fault"]["wanted"] == "ref: client"
    assert fields["asset_type"]["fault"]["rule"] == "evaluation"
    assert (fields["location"]["expression"], fields["location"]["is_set"]) == (None, False)
    assert told["would"] == "reject"
    assert [reason.partition(":")[0] for reason in told["reasons"]] == ["mapping_failed"] * 2


async def test_ticket_when_its_references_are_missing(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """References are looked up by their declared types; what is there is told by name."""
    await _announce(superuser, tickets.create_ticket.definition(), tags.add_tag.definition())
    board_id = uuid7()
    await superuser.execute(
        "insert into psa.boards (tenant_id, board_id, name) values ($1, $2, 'Helpdesk')",
        acme.tenant_id,
        board_id,
    )
    mapping = {
        "title": "'Broken'",
        "client_id": "client",
        "board_id": "board",
        "priority_id": "priority",
    }
    async with sandboxed(services, acme) as (tenant,):
        client = (await tenant.post("/api/v1/clients", {"name": "Contoso"}, expect=201))["data"]
        path = await _webhook(
            tenant, handler_config={"action": "createTicket", "field_mapping": mapping}
        )
        body = {
            "client": client["client_id"],
            "board": str(board_id),
            "priority": str(UUID(int=7)),
        }
        told = await _dry(tenant, path, body)
        names = {item["field"]: item["entity_name"] for item in told["lookups"]}
        assert names == {"client_id": "Contoso", "board_id": "Helpdesk", "priority_id": None}
        assert told["reasons"] == [f"lookup_miss: there is no ticket_priority {UUID(int=7)}"]
        await superuser.execute(
            "insert into psa.priorities (tenant_id, priority_id, name) values ($1, $2, 'High')",
            acme.tenant_id,
            UUID(int=7),
        )
        assert (await _dry(tenant, path, body))["would"] == "create"
        tag = {"entity_type": "'client'", "external_id": "id", "tag_text": "'vip'"}
        tagging = await _webhook(
            tenant,
            slug="tags",
            handler_config={"action": "addTagToEntityByExternalId", "field_mapping": tag},
        )
        assert (await _dry(tenant, tagging, {"id": "c-1"}))["would"] == "reject"
        await _map(tenant, tagging, "client", "c-1", client["client_id"])
        assert (await _dry(tenant, tagging, {"id": "c-1"}))["would"] == "update"


async def test_dry_run_when_the_handler_is_a_workflow(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """It tells whether a worker runs the workflow; an action that none runs is a conflict."""
    await superuser.execute(
        "insert into postern.workflow_catalog (name, definition) values ('triage', '{}')"
    )
    async with sandboxed(services, acme) as (tenant,):
        workflow = {"handler_type": "workflow", "handler_config": {"workflow": "triage"}}
        path = await _webhook(tenant, slug="flow", **workflow)
        assert (await _dry(tenant, path, _DEVICE))["would"] == "start"
        await superuser.execute("delete from postern.workflow_catalog")
        assert (await _dry(tenant, path, _DEVICE))["would"] == "reject"
        path = await _webhook(tenant)
        await superuser.execute("delete from postern.action_catalog")
        await tenant.post(f"{path}/test", {"body": {}, "dry_run": True}, expect=409)


async def test_dry_run_when_the_webhook_is_off_or_foreign(
    services: Services, acme: Tenant, rival: Tenant
) -> None:
    """One that is switched off can be tried, a foreign one is 404."""
    async with sandboxed(services, acme, rival) as (tenant, other):
        path = await _webhook(tenant, is_active=False)
        assert (await _dry(tenant, path, {"device": {"id": "x"}}))["is_active"] is False
        await other.post(f"{path}/test", {"dry_run": True}, expect=404)
