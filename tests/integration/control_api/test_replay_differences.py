"""Dry runs of replays: what a delivery was handled with, beside what would handle it now."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from control_api import replay_differences
from control_api.access import Services
from shared.database.pool import Connection
from shared.domain.identifiers import uuid7
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.sandboxed import sandboxed
from tests.integration.control_api.test_dry_run import everything
from tests.integration.control_api.test_webhooks import PATH, webhook_body
from worker.actions import tickets

_ACTION = "upsertAssetByExternalId"
_BODY = {"id": "d-1", "host": "front-desk", "state": "up", "name": "lobby"}
_OLD = {"external_id": "id", "name": "host", "status": "state", "asset_type": "kind"}


class Story:
    """A webhook whose mapping changes, and a delivery from before."""

    def __init__(self, tenant: Tenant, superuser: Connection) -> None:
        self._tenant = tenant
        self._superuser = superuser
        self.webhook_id = ""

    async def begin(self, mapping: dict[str, str] | None = None, **overrides: object) -> None:
        config = {"action": _ACTION, "field_mapping": mapping or _OLD}
        made = await self._tenant.post(
            PATH, webhook_body(**{"handler_config": config} | overrides), expect=201
        )
        self.webhook_id = made["data"]["inbound_webhook_id"]

    async def deliver(self, body: object = _BODY, **overrides: object) -> UUID:
        """Insert a delivery that the first version of the webhook has handled."""
        row: dict[str, object] = {
            "tenant_id": self._tenant.tenant_id,
            "webhook_id": UUID(self.webhook_id),
            "webhook_version": 1,
            "request_body": orjson.dumps(body),
            "handler_outcome": '{"message": "asset created", "webhook_version": 1}',
        }
        return await insert_delivery(self._superuser, **row | overrides)

    async def change(self, mapping: dict[str, str]) -> None:
        await self.patch(handler_config={"action": _ACTION, "field_mapping": mapping})

    async def patch(self, **changes: object) -> None:
        # A merge patch would leave the fields that are left out.
        webhook = (await self._tenant.get(f"{PATH}/{self.webhook_id}"))["data"]
        await self._tenant.put(f"{PATH}/{self.webhook_id}", webhook | changes)

    def path(self, delivery_id: UUID) -> str:
        return f"{PATH}/{self.webhook_id}/deliveries/{delivery_id}/replay"

    async def difference(self, delivery_id: UUID) -> dict[str, Any]:
        answer = await self._tenant.post(self.path(delivery_id), {"dry_run": True}, expect=200)
        told: dict[str, Any] = answer["data"]
        return told


def _changes(told: dict[str, Any]) -> dict[str, str]:
    return {field["field"]: field["change"] for field in told["fields"]}


def _field(told: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(field for field in told["fields"] if field["field"] == name)
    return found


async def test_replay_when_the_mapping_has_changed(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """Each mapped field is told with its old and its new value; the outcome as recorded."""
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin()
        delivery_id = await story.deliver()
        new = {"external_id": "id", "name": "$uppercase(name)", "location": "host"}
        await story.change(new)
        told = await story.difference(delivery_id)
    assert _changes(told) == {
        "external_id": "same",
        "name": "changed",
        "location": "added",
        "status": "removed",
        "asset_type": "same",  # neither finds anything
    }
    name = _field(told, "name")
    assert (name["before"]["expression"], name["before"]["value"]) == ("host", "front-desk")
    assert (name["after"]["expression"], name["after"]["value"]) == ("$uppercase(name)", "LOBBY")
    assert _field(told, "status")["after"] is None
    assert (told["basis"], told["is_handler_changed"]) == ("configuration", False)
    assert (told["before"]["webhook_version"], told["after"]["webhook_version"]) == (1, 2)
    assert (told["would"], told["outcome"]["message"]) == ("create", "asset created")
    assert told["is_authentication_checked"] is False


async def test_replay_when_a_fault_was_mended_or_made(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """A field that could not be filled is told with its fault on the side that has it."""
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin({"external_id": "id", "name": "$uppercase(1)", "client_id": "client"})
        body = {"id": "d-1", "name": "lobby", "client": str(uuid7())}
        delivery_id = await story.deliver(body, dispatch_status="failed")
        await story.change({"external_id": "id", "name": "name", "client_id": "name"})
        told = await story.difference(delivery_id)
        await story.change({"external_id": "id", "name": "$uppercase(1)"})
        same = await story.difference(delivery_id)
    assert _changes(told) == {"external_id": "same", "name": "added", "client_id": "removed"}
    assert _field(told, "name")["before"]["fault"]["rule"] == "evaluation"
    assert _field(told, "client_id")["after"]["fault"]["wanted"] == "ref: client"
    assert told["would"] == "reject"
    assert told["reasons"][0].startswith("mapping_failed: client_id")
    assert _changes(same)["name"] == "same"


async def test_replay_when_expressions_depend_on_the_time(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """An expression that both have is of one moment, and no difference."""
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin({"external_id": "id", "name": "$string($random())", "status": "state"})
        delivery_id = await story.deliver()
        await story.change({"external_id": "id", "name": "$string($random())", "status": "'x'"})
        told = await story.difference(delivery_id)
    assert _changes(told) == {"external_id": "same", "name": "same", "status": "changed"}


async def test_replay_when_the_old_configuration_is_unknown(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """It is not guessed; where the handler has been the same ever since, it is known."""
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin()
        unnamed = await story.deliver(handler_outcome='{"message": "asset created"}')
        named = await story.deliver()
        await story.patch(description="another version with the same handler")
        assert set(_changes(await story.difference(unnamed)).values()) == {"same"}
        await story.change({"external_id": "id", "name": "name"})
        told = await story.difference(unnamed)
        assert (told["basis"], told["is_handler_changed"]) == ("unknown", None)
        assert told["before"] is None
        assert set(_changes(told).values()) == {"unknown"}
        assert _field(told, "name")["after"]["value"] == "lobby"
        assert (await story.difference(named))["basis"] == "configuration"
        await superuser.execute("delete from postern.webhook_handlers where since_version = 1")
        assert (await story.difference(named))["basis"] == "unknown"


async def test_replay_when_no_handler_has_run(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """What a limit refused has no before: all that is mapped is new."""
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin()
        limited = {"dispatch_status": "failed", "response_status": 429, "handler_outcome": None}
        told = await story.difference(await story.deliver(**limited))
    assert (told["basis"], told["before"], told["outcome"]) == ("not_handled", None, None)
    assert _changes(told)["external_id"] == "added"


async def test_replay_when_the_handler_is_another(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """Another action, a workflow, and an action that no worker runs any more."""
    definition = tickets.create_ticket.definition()
    await superuser.execute(
        "insert into postern.action_catalog (name, entity_type, definition) values ($1, $2, $3)",
        definition["name"],
        definition["entity_type"],
        orjson.dumps(definition).decode(),
    )
    await superuser.execute(
        "insert into postern.workflow_catalog (name, definition) values ('triage', '{}')"
    )
    mapping = dict.fromkeys(("title", "board_id", "client_id", "priority_id"), "id")
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin()
        delivery_id = await story.deliver()
        await story.patch(handler_config={"action": "createTicket", "field_mapping": mapping})
        told = await story.difference(delivery_id)
        assert (told["before"]["action"], told["after"]["action"]) == (_ACTION, "createTicket")
        assert told["is_handler_changed"]
        assert _changes(told)["title"] == "added"
        assert _changes(told)["external_id"] == "removed"
        await story.patch(handler_type="workflow", handler_config={"workflow": "triage"})
        told = await story.difference(delivery_id)
        assert (told["would"], told["after"]["workflow"]) == ("start", "triage")
        assert _changes(told)["external_id"] == "removed"
        await superuser.execute("delete from postern.action_catalog")
        told = await story.difference(delivery_id)
        assert (told["basis"], told["fields"]) == ("unknown", [])
        assert told["before"]["action"] == _ACTION
        later = await story.deliver(handler_outcome='{"webhook_version": 3}')
        assert (await story.difference(later))["is_handler_changed"] is False


async def test_replay_when_its_action_is_gone(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """It is told that the replay would be rejected."""
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin()
        delivery_id = await story.deliver()
        await superuser.execute("delete from postern.action_catalog")
        told = await story.difference(delivery_id)
    assert told["would"] == "reject"
    assert told["reasons"] == [f"unknown_action: no worker runs {_ACTION!r}"]


@pytest.mark.parametrize(
    "overrides",
    [
        {"auth_status": "rejected_signature", "request_body": None, "dispatch_status": "failed"},
        {"dispatch_status": "pending"},
        {"dispatch_status": "duplicate"},
        {"dispatch_status": "failed", "response_status": 400},
    ],
)
async def test_replay_when_it_would_be_refused(
    services: Services,
    acme: Tenant,
    rival: Tenant,
    superuser: Connection,
    overrides: dict[str, object],
) -> None:
    """What cannot be replayed is not tried either; to others, it does not exist."""
    async with sandboxed(services, acme, rival) as (tenant, other):
        story = Story(tenant, superuser)
        await story.begin()
        path = story.path(await story.deliver(**overrides))
        await tenant.post(path, {"dry_run": True}, expect=409)
        await other.post(path, {"dry_run": True}, expect=404)


async def test_replay_when_the_webhook_is_off_or_gone(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """One that is switched off can be tried, one that was deleted cannot."""
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin(is_active=False)
        delivery_id = await story.deliver()
        assert (await story.difference(delivery_id))["is_active"] is False
        await tenant.post(story.path(delivery_id), {"dry": True}, expect=422)
        await tenant.delete(f"{PATH}/{story.webhook_id}", expect=204)
        await tenant.post(story.path(delivery_id), {"dry_run": True}, expect=404)


async def test_database_when_differences_were_told(
    services: Services, acme: Tenant, superuser: Connection
) -> None:
    """Not one row of any table is changed, by one or by a plan; a real replay changes some."""
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin()
        delivery_id = await story.deliver(dispatch_status="failed")
        await story.change({"external_id": "id", "name": "$uppercase(name)"})
        await tenant.get(PATH)
        before = await everything(superuser)
        await story.difference(delivery_id)
        plan = await tenant.post("/api/v1/replays/plan", {"dry_run": True}, expect=200)
        assert len(plan["data"]["differences"]) == 1
        assert await everything(superuser) == before
        await tenant.post(story.path(delivery_id), {"dry_run": False}, expect=202)
        assert await everything(superuser) != before


async def test_plan_when_differences_are_wanted(
    services: Services, acme: Tenant, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has those of the newest ten, the newest first, shortened, without what is the same."""
    monkeypatch.setattr(replay_differences, "_SECONDS_FOR_MANY", 60.0)
    async with sandboxed(services, acme) as (tenant,):
        story = Story(tenant, superuser)
        await story.begin({"external_id": "id", "name": "host", "rmm_snapshot": "host"})
        gone = Story(tenant, superuser)
        await gone.begin(slug="gone")
        long = {"host": "front-desk", "id": "d-1", "text": "x" * 2000}
        ids = sorted(uuid7() for _ in range(13))
        for delivery_id in ids[:11]:
            await story.deliver(delivery_id=delivery_id, dispatch_status="failed")
        await story.deliver(long, delivery_id=ids[11], dispatch_status="failed")
        await gone.deliver(delivery_id=ids[12], dispatch_status="failed")
        await tenant.delete(f"{PATH}/{gone.webhook_id}", expect=204)
        await story.change({"external_id": "id", "name": "host", "rmm_snapshot": "$"})
        plan = (await tenant.post("/api/v1/replays/plan", {"dry_run": True}, expect=200))["data"]
        plain = (await tenant.post("/api/v1/replays/plan", {}, expect=200))["data"]
        whole = await story.difference(ids[11])
    told = plan["differences"]
    assert [one["delivery_id"] for one in told] == [str(one) for one in ids[11:2:-1]]
    assert [_changes(one) for one in told] == [{"rmm_snapshot": "changed"}] * 9
    snapshot = told[0]["fields"][0]["after"]
    assert (snapshot["is_shortened"], len(snapshot["value"])) == (True, 200)
    assert told[1]["fields"][0]["after"]["value"] == _BODY
    assert _field(whole, "rmm_snapshot")["after"]["value"] == long
    assert (plain["count"], plain["differences"]) == (13, [])
