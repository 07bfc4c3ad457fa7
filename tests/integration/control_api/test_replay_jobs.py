"""Replay jobs through the API, on real PostgreSQL."""

from uuid import UUID

import pytest

from shared.database.pool import Connection
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body

_JOBS = "/api/v1/replays"


@pytest.fixture
async def webhook_id(acme: Tenant) -> UUID:
    made = await acme.post(PATH, REFERENCE, expect=201)
    return UUID(made["data"]["inbound_webhook_id"])


async def test_plan_when_made(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """It tells how many, from when to when and how long, and writes nothing."""
    row: dict[str, object] = {"tenant_id": acme.tenant_id, "webhook_id": webhook_id}
    failed = row | {"dispatch_status": "failed"}
    made = [await insert_delivery(superuser, **failed) for _ in range(5)]
    await insert_delivery(superuser, **row)
    await insert_delivery(superuser, **failed | {"auth_status": "rejected_ip"})
    body = {"inbound_webhook_id": str(webhook_id), "per_second": 2, "limit": 4}
    told = (await acme.post(f"{_JOBS}/plan", body, expect=200))["data"]
    assert (told["count"], told["limit_reached"], told["is_complete"]) == (4, True, True)
    assert told["estimated_seconds"] == 2.0
    assert told["oldest_received_at"] <= told["newest_received_at"]
    told = (await acme.post(f"{_JOBS}/plan", {"outcome": "none"}, expect=200))["data"]
    assert (told["count"], told["oldest_received_at"]) == (0, None)
    assert await superuser.fetchval("select count(*) from postern.replay_jobs") == 0
    assert await superuser.fetchval("select count(*) from postern.deliveries") == len(made) + 2


async def test_job_when_managed(
    acme: Tenant, rival: Tenant, superuser: Connection, webhook_id: UUID
) -> None:
    """It is made, listed, paused, resumed and cancelled by its tenant alone, and audited."""
    body = {"inbound_webhook_id": str(webhook_id), "date_from": "2026-01-01", "outcome": "x"}
    made = (await acme.post(_JOBS, body, expect=202))["data"]
    path = f"{_JOBS}/{made['replay_job_id']}"
    assert (made["status"], made["limit"], made["is_paused"]) == ("selecting", 1000, False)
    assert made["conditions"]["outcome"] == "x"
    assert (await acme.post(f"{path}/pause", expect=200))["data"]["is_paused"]
    assert not (await acme.post(f"{path}/resume", expect=200))["data"]["is_paused"]
    ended = (await acme.post(f"{path}/cancel", expect=200))["data"]
    assert ended["status"] == "cancelled"
    assert ended["finished_at"] is not None
    await acme.post(f"{path}/resume", expect=409)
    await acme.post(f"{path}/cancel", expect=409)
    assert (await acme.get(path))["data"] == ended
    assert (await acme.get(_JOBS))["data"] == [ended]
    assert (await rival.get(_JOBS))["data"] == []
    await rival.get(path, expect=404)
    for action in ("pause", "resume", "cancel"):
        await rival.post(f"{path}/{action}", expect=404)
    await rival.post(_JOBS, body, expect=404)
    actions = await superuser.fetch(
        "select action from postern.audit_events where target = $1 order by event_id",
        f"replay:{made['replay_job_id']}",
    )
    assert [row["action"] for row in actions] == [
        "replay.created",
        "replay.paused",
        "replay.resumed",
        "replay.cancelled",
    ]


async def test_job_when_its_webhook_is_off(acme: Tenant) -> None:
    """Neither a job nor a plan is made for a webhook that is switched off."""
    made = await acme.post(PATH, webhook_body(is_active=False), expect=201)
    body = {"inbound_webhook_id": made["data"]["inbound_webhook_id"]}
    await acme.post(_JOBS, body, expect=409)
    await acme.post(f"{_JOBS}/plan", body, expect=409)


async def test_job_when_its_body_is_faulty(acme: Tenant) -> None:
    """Every fault is told at once."""
    body = {"limit": 0, "per_second": 0, "status": "pending", "source_ip": "x", "tetx": "a"}
    error = await acme.post(_JOBS, body, expect=422)
    assert {fault["field"] for fault in error["errors"]} == set(body)
