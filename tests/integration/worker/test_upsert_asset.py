"""The action upsertAssetByExternalId on a real ledger and PSA store."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from shared.domain.delivery import QueuedDelivery
from tests.integration.worker.world import DEVICE_BODY, Ledger
from worker.processor import Processor

_ALL_FIELDS = {
    "external_id": "id",
    "client_id": "client",
    "asset_type": "type",
    "name": "name",
    "asset_tag": "tag",
    "serial_number": "serial",
    "status": "status",
    "location": "location",
}
_SNAPSHOT = {"external_id": "id", "rmm_snapshot": "agent"}


async def _handle(ledger: Ledger, processor: Processor, body: object) -> QueuedDelivery:
    queued = await ledger.record(body)
    await processor.process(queued)
    return queued


async def _asset_after(ledger: Ledger, processor: Processor, body: object) -> asyncpg.Record:
    queued = await _handle(ledger, processor, body)
    row = await ledger.delivery(queued)
    assert row["dispatch_status"] == "dispatched", row["handler_outcome"]
    return await ledger.asset()


async def _failure(ledger: Ledger, processor: Processor, body: object) -> dict[str, Any]:
    queued = await _handle(ledger, processor, body)
    assert (await ledger.delivery(queued))["dispatch_status"] == "failed"
    assert await ledger.assets() == []
    assert await ledger.pool.fetchval(_COUNT_ASSET_MAPPINGS) == 0
    return await ledger.outcome(queued)


_COUNT_ASSET_MAPPINGS = (
    "select count(*) from postern.external_entity_mappings where entity_type = 'asset'"
)


async def test_reference_example_fills_the_asset(
    ledger: Ledger, processor: Processor, client_id: UUID
) -> None:
    """The client comes through its mapping and the snapshot is kept as it came."""
    asset = await _asset_after(ledger, processor, DEVICE_BODY)
    assert (asset["tenant_id"], asset["client_id"]) == (ledger.tenant_id, client_id)
    assert (asset["asset_type"], asset["name"]) == ("workstation", "host-1")
    assert (asset["status"], asset["is_inactive"]) == ("online", False)
    assert orjson.loads(asset["rmm_snapshot"]) == DEVICE_BODY


@pytest.mark.usefixtures("client_id")
async def test_second_event_of_a_device_updates_its_asset(
    ledger: Ledger, processor: Processor
) -> None:
    """One external id stays one asset; the outcome says what was done."""
    first = await _asset_after(ledger, processor, DEVICE_BODY)
    changed = {**DEVICE_BODY, "device": {"id": "dev-1", "hostname": "renamed"}}
    queued = await _handle(ledger, processor, changed)
    second = await ledger.asset()
    assert second["asset_id"] == first["asset_id"]
    assert (second["name"], second["status"]) == ("renamed", "online")
    outcome = await ledger.outcome(queued)
    assert outcome["metadata"] == {"action": "updated", "rmm": False, "name": "renamed"}


async def test_new_asset_starts_with_defaults(ledger: Ledger, processor: Processor) -> None:
    """An external id alone is enough."""
    await ledger.change_mapping({"external_id": "id"})
    asset = await _asset_after(ledger, processor, {"id": 42})
    assert (asset["name"], asset["asset_type"], asset["status"]) == ("42", "unknown", "active")
    assert (asset["client_id"], asset["location"], asset["rmm_snapshot"]) == (None, None, None)


async def test_sparse_update_leaves_what_it_does_not_mention(
    ledger: Ledger, processor: Processor
) -> None:
    """Fields that the body lacks keep their values, whatever their defaults."""
    await ledger.change_mapping(_ALL_FIELDS)
    full = {
        "id": "a",
        "client": str(await ledger.insert_client()),
        "type": "server",
        "name": "host",
        "tag": "T-1",
        "serial": "S-1",
        "status": "offline",
        "location": "rack 4",
    }
    before = await _asset_after(ledger, processor, full)
    after = await _asset_after(ledger, processor, {"id": "a", "location": "rack 5"})
    assert after["location"] == "rack 5"
    same = set(before.keys()) - {"location", "updated_at"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


async def test_null_and_empty_text_clear_or_reset(ledger: Ledger, processor: Processor) -> None:
    """What is there and empty empties its column, or sets it back to what a new one has."""
    await ledger.change_mapping(_ALL_FIELDS)
    client = str(await ledger.insert_client())
    full = {"id": "a", "client": client, "type": "server", "name": "host", "serial": "S"}
    await _asset_after(ledger, processor, full)
    cleared = {"id": "a", "client": None, "type": None, "name": "", "serial": ""}
    asset = await _asset_after(ledger, processor, cleared)
    assert (asset["client_id"], asset["serial_number"]) == (None, None)
    assert (asset["asset_type"], asset["name"]) == ("unknown", "a")


async def test_null_client_external_id_takes_the_client_away(
    ledger: Ledger, processor: Processor, client_id: UUID
) -> None:
    """The asset stays, without a client; a body that lacks the field leaves the client."""
    await ledger.change_mapping({"external_id": "id", "client_external_id": "org"})
    asset = await _asset_after(ledger, processor, {"id": "a", "org": "org-1"})
    assert asset["client_id"] == client_id
    asset = await _asset_after(ledger, processor, {"id": "a"})
    assert asset["client_id"] == client_id
    asset = await _asset_after(ledger, processor, {"id": "a", "org": None})
    assert asset["client_id"] is None


async def test_unknown_client_external_id_is_a_lookup_miss(
    ledger: Ledger, processor: Processor
) -> None:
    """The failure names entity, external id and webhook, and leaves neither asset nor mapping."""
    failure = await _failure(ledger, processor, DEVICE_BODY)
    assert failure == {
        "error": "lookup_miss: webhook rmm-device-updates has no client with the external id "
        "'org-1'",
        "code": "lookup_miss",
        "field": "client_external_id",
        "entity_type": "client",
        "external_id": "org-1",
        "webhook": "rmm-device-updates",
        "action": "upsertAssetByExternalId",
        "webhook_version": 1,
    }


@pytest.mark.parametrize("mapped", ["client_id", "client_external_id"])
async def test_client_that_does_not_exist_is_a_lookup_miss(
    ledger: Ledger, processor: Processor, mapped: str
) -> None:
    """A client id that names nobody, and a mapping that outlived its client, fail alike."""
    gone = "018f0000-0000-7000-8000-00000000dead"
    await ledger.insert_mapping("client", gone, UUID(gone))
    await ledger.change_mapping({"external_id": "id", mapped: "client"})
    failure = await _failure(ledger, processor, {"id": "a", "client": gone})
    assert failure["code"] == "lookup_miss"
    assert gone in failure["error"]
    assert failure["field"] == mapped


async def test_client_of_another_tenant_is_a_lookup_miss(
    ledger: Ledger, processor: Processor
) -> None:
    """A client id reaches no further than the tenant."""
    stranger = Ledger(ledger.pool)
    await stranger.insert_tenant("stranger")
    foreign = await stranger.insert_client()
    await ledger.change_mapping({"external_id": "id", "client_id": "client"})
    failure = await _failure(ledger, processor, {"id": "a", "client": str(foreign)})
    assert failure["code"] == "lookup_miss"


async def test_fifty_upserts_at_once_make_one_asset(ledger: Ledger, processor: Processor) -> None:
    """Deliveries of one new external id at the same time share one asset and one mapping."""
    await ledger.change_mapping({"external_id": "id", "name": "name"})
    queued = [await ledger.record({"id": "a", "name": f"n{number}"}) for number in range(50)]
    async with asyncio.TaskGroup() as group:
        for delivery in queued:
            group.create_task(processor.process(delivery))
    await ledger.asset()
    assert await ledger.pool.fetchval(_COUNT_ASSET_MAPPINGS) == 1
    done = [(await ledger.outcome(delivery))["metadata"]["action"] for delivery in queued]
    assert sorted(done) == ["created", *["updated"] * 49]


async def test_asset_that_was_deleted_comes_back_under_its_id(
    ledger: Ledger, processor: Processor
) -> None:
    """A mapping that outlived its asset is no fault of the sender."""
    await ledger.change_mapping({"external_id": "id"})
    first = await _asset_after(ledger, processor, {"id": "a"})
    await ledger.pool.execute("delete from psa.assets")
    queued = await _handle(ledger, processor, {"id": "a"})
    assert (await ledger.asset())["asset_id"] == first["asset_id"]
    assert (await ledger.outcome(queued))["metadata"]["action"] == "created"


async def test_external_id_means_another_asset_in_another_scope(
    ledger: Ledger, processor: Processor
) -> None:
    """The realm of a mapping is the scope that the sender names."""
    await ledger.change_mapping({"external_id": "id", "external_scope_id": "site"})
    await _handle(ledger, processor, {"id": "1", "site": "north"})
    await _handle(ledger, processor, {"id": "1", "site": "south"})
    await _handle(ledger, processor, {"id": "1", "site": "south"})
    assert len(await ledger.assets()) == 2


async def test_mapping_belongs_to_the_webhook_and_not_to_its_slug(
    ledger: Ledger, processor: Processor
) -> None:
    """A renamed webhook keeps its assets; another one under the old slug has its own."""
    await ledger.change_mapping({"external_id": "id"})
    await _asset_after(ledger, processor, {"id": "a"})
    await ledger.pool.execute("update postern.webhooks set slug = 'new', version = version + 1")
    await _asset_after(ledger, processor, {"id": "a"})
    successor = Ledger(ledger.pool, tenant_id=ledger.tenant_id)
    await successor.insert_webhook(field_mapping={"external_id": "id"})
    await _handle(successor, processor, {"id": "a"})
    assert len(await ledger.assets()) == 2


async def test_snapshot_fills_fields_that_are_not_mapped(
    ledger: Ledger, processor: Processor
) -> None:
    """What the mapping mentions comes from it, the rest from the snapshot, in either spelling."""
    await ledger.change_mapping({**_SNAPSHOT, "name": "'mapped'"})
    agent = {
        "provider": "ninjaone",
        "lifecycleState": "active",
        "asset_type": "server",
        "displayName": "not used",
        "serialNumber": "S-9",
        "status": "",
        "agentStatus": "online",
        "lastSeenAt": "2026-03-01T10:00:00",
        "scope": "site-1",
        "extension": {"os": "Debian"},
    }
    asset = await _asset_after(ledger, processor, {"id": "a", "agent": agent})
    assert (asset["name"], asset["asset_type"]) == ("mapped", "server")
    assert (asset["serial_number"], asset["agent_status"]) == ("S-9", "online")
    assert (asset["status"], asset["is_inactive"]) == ("active", False)
    assert asset["last_seen_at"].isoformat() == "2026-03-01T10:00:00+00:00"
    assert (asset["rmm_provider"], asset["rmm_scope"]) == ("ninjaone", "site-1")
    assert orjson.loads(asset["rmm_snapshot"]) == agent
    realm = await ledger.pool.fetchval("select realm from postern.external_entity_mappings")
    assert realm == "site-1"


@pytest.mark.parametrize("state", ["deleted", "tombstoned"])
async def test_device_that_is_gone_marks_its_asset(
    ledger: Ledger, processor: Processor, state: str
) -> None:
    """The asset stays, inactive and offline, whatever the mapping says of its status."""
    await ledger.change_mapping({**_SNAPSHOT, "status": "'online'"})
    alive = {"provider": "datto", "lifecycle_state": "active"}
    await _asset_after(ledger, processor, {"id": "a", "agent": alive})
    gone = {"provider": "datto", "lifecycle_state": state}
    queued = await _handle(ledger, processor, {"id": "a", "agent": gone})
    asset = await ledger.asset()
    assert (asset["is_inactive"], asset["status"]) == (True, "offline")
    assert asset["agent_status"] == "offline"
    outcome = await ledger.outcome(queued)
    assert outcome["metadata"]["action"] == "marked_deleted"
    assert outcome["metadata"]["rmm"] is True
    again = await _asset_after(ledger, processor, {"id": "a", "agent": alive})
    assert (again["is_inactive"], again["status"]) == (False, "online")


async def _sync_statuses(ledger: Ledger) -> list[str]:
    return [
        row["sync_status"]
        for row in await ledger.pool.fetch(
            "select sync_status from postern.external_entity_mappings order by external_id"
        )
    ]


@pytest.mark.parametrize("state", ["deleted", "tombstoned"])
async def test_external_id_of_a_device_that_is_gone_is_marked(
    ledger: Ledger, processor: Processor, state: str
) -> None:
    """Until the device is back; what says nothing of it leaves the mark where it is."""
    await ledger.change_mapping(_SNAPSHOT)
    seen = []
    for agent in (
        {"provider": "datto"},
        {"provider": "datto", "lifecycle_state": state},
        {"provider": "datto", "serial_number": "S-1"},
        {"kept": "as it is"},
        None,
        {"provider": "datto", "lifecycle_state": "offline"},
        {"provider": "datto", "lifecycle_state": state},
        {"provider": "datto", "lifecycle_state": "active"},
    ):
        await _handle(ledger, processor, {"id": "a", "agent": agent})
        (status,) = await _sync_statuses(ledger)
        assert (status == "error") == (await ledger.asset())["is_inactive"]
        seen.append(status)
    assert seen == ["synced", *["error"] * 4, "synced", "error", "synced"]


async def test_external_id_of_a_device_that_was_never_there_is_marked(
    ledger: Ledger, processor: Processor
) -> None:
    """The first that is heard of it may be that it is gone."""
    await ledger.change_mapping(_SNAPSHOT)
    gone = {"provider": "datto", "lifecycle_state": "deleted"}
    await _handle(ledger, processor, {"id": "a", "agent": gone})
    assert await _sync_statuses(ledger) == ["error"]


@pytest.mark.parametrize(
    ("agent", "code", "field"),
    [
        ({"provider": "acme-rmm"}, "unsupported_rmm_provider", "rmm_snapshot"),
        (
            {"provider": "datto", "lifecycle_state": "asleep"},
            "invalid_rmm_snapshot",
            "rmm_snapshot.lifecycle_state",
        ),
        (
            {"provider": "datto", "serial_number": {"a": 1}},
            "invalid_rmm_snapshot",
            "rmm_snapshot.serial_number",
        ),
        (
            {"provider": "datto", "lastSeenAt": "yesterday"},
            "invalid_rmm_snapshot",
            "rmm_snapshot.lastSeenAt",
        ),
        ([1], "mapping_failed", "rmm_snapshot"),
    ],
)
async def test_faulty_snapshot_fails_and_names_the_fact(
    ledger: Ledger, processor: Processor, agent: object, code: str, field: str
) -> None:
    """A snapshot that cannot be understood changes nothing."""
    await ledger.change_mapping(_SNAPSHOT)
    failure = await _failure(ledger, processor, {"id": "a", "agent": agent})
    assert (failure["code"], failure["field"]) == (code, field)


async def test_nul_is_kept_in_a_snapshot_and_refused_in_a_text(
    ledger: Ledger, processor: Processor
) -> None:
    """JSON text can hold U+0000, a text column cannot: the failure names the field."""
    await ledger.change_mapping({"external_id": "id", "name": "name", "rmm_snapshot": "$"})
    failure = await _failure(ledger, processor, {"id": "a", "name": "a\x00b"})
    assert failure["field"] == "name"
    assert "U+0000" in failure["error"]
    body = {"id": "a", "note": "a\x00b"}
    asset = await _asset_after(ledger, processor, body)
    assert orjson.loads(asset["rmm_snapshot"]) == body


@pytest.mark.parametrize(
    ("depth", "size", "part"),
    [(300, 0, "cannot be kept as JSON"), (0, 1_100_000, "at most 1048576 bytes")],
)
async def test_snapshot_too_deep_or_too_large_fails(
    ledger: Ledger, processor: Processor, depth: int, size: int, part: str
) -> None:
    """What cannot be kept is refused by name, and the worker lives on."""
    await ledger.change_mapping({"external_id": "id", "rmm_snapshot": "$"})
    nested = b"[" * depth + b"]" * depth or b"null"
    filler = b"x" * size
    body = b'{"id": "a", "deep": ' + nested + b', "filler": "' + filler + b'"}'
    failure = await _failure(ledger, processor, body)
    assert failure["field"] == "rmm_snapshot"
    assert part in failure["error"]
    await _asset_after(ledger, processor, {"id": "a"})


async def test_every_faulty_field_is_named_at_once(ledger: Ledger, processor: Processor) -> None:
    """Field, expression, position and reason of each, from the body's faults to the syntax."""
    await ledger.change_mapping(
        {
            "external_id": "device.missing",
            "name": "device.name & ",
            "asset_tag": "$error('no tag')",
            "location": "device",
            "client_id": "device.id",
        }
    )
    failure = await _failure(ledger, processor, {"device": {"id": "d"}})
    assert failure["code"] == "mapping_failed"
    faults = {fault["field"]: fault for fault in failure["faults"]}
    assert faults["external_id"]["rule"] == "required"
    assert faults["external_id"]["expression"] == "device.missing"
    assert faults["name"]["rule"] == "syntax"
    assert faults["name"]["position"] == 14
    assert "no tag" in faults["asset_tag"]["reason"]
    assert faults["location"]["reason"] == "must be text, not an object"
    assert faults["location"]["value"] == '{"id":"d"}'
    assert faults["client_id"]["rule"] == "uuid_parsing"


async def test_runaway_expression_fails_with_its_reason(
    ledger: Ledger, processor: Processor
) -> None:
    """An expression without end is cut off, and the next delivery is handled."""
    await ledger.change_mapping(
        {"external_id": "id", "name": "($f := function($x) { $f($x + 1) }; $f(0))"}
    )
    failure = await _failure(ledger, processor, {"id": "a"})
    assert (failure["field"], failure["faults"][0]["rule"]) == ("name", "timeout")
    await ledger.change_mapping({"external_id": "id"})
    await _asset_after(ledger, processor, {"id": "a"})


async def test_body_that_is_no_json_fails(ledger: Ledger, processor: Processor) -> None:
    """Bytes that a test or replay brought past the gateway are a permanent fault."""
    failure = await _failure(ledger, processor, b"{")
    assert failure["code"] == "invalid_json"


async def test_action_that_the_worker_lacks_fails(ledger: Ledger, processor: Processor) -> None:
    """The name that is not known is told."""
    other = Ledger(ledger.pool, tenant_id=ledger.tenant_id)
    await other.insert_webhook(field_mapping={}, action="makeCoffee", slug="coffee")
    failure = await _failure(other, processor, {})
    assert failure["code"] == "unknown_action"
    assert failure["action"] == "makeCoffee"
