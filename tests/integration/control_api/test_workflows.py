"""Workflows and their runs through the API, on real PostgreSQL."""

from uuid import UUID

import orjson
import pytest

from shared.database.pool import Connection
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body

_INSERT_RUN = """
insert into postern.workflow_runs (
    tenant_id, delivery_id, run_id, workflow, engine, status, result, ended_at)
values (
    $1, $2, 'inbound-webhook:' || $2::uuid, 'triage', 'dbos', 'succeeded', '{"ticket": 5}', now())
"""


@pytest.fixture
async def webhook_id(acme: Tenant) -> UUID:
    made = await acme.post(PATH, REFERENCE, expect=201)
    return UUID(made["data"]["inbound_webhook_id"])


async def test_run_when_read(acme: Tenant, superuser: Connection, webhook_id: UUID) -> None:
    """A delivery shows the run that it started, also while it goes on; others show none."""
    ids = [
        await insert_delivery(superuser, tenant_id=acme.tenant_id, webhook_id=webhook_id)
        for _ in range(2)
    ]
    await superuser.execute(_INSERT_RUN, acme.tenant_id, ids[0])
    path = f"{PATH}/{webhook_id}/deliveries"
    run = (await acme.get(f"{path}/{ids[0]}"))["data"]["workflow_run"]
    assert (run["workflow"], run["engine"], run["status"]) == ("triage", "dbos", "succeeded")
    assert run["run_id"] == f"inbound-webhook:{ids[0]}"
    assert run["result"] == {"ticket": 5}
    assert run["error"] is None
    assert (await acme.get(f"{path}/{ids[1]}"))["data"]["workflow_run"] is None


async def test_workflows_when_announced(acme: Tenant, superuser: Connection) -> None:
    """The catalogue shows them by name, and a webhook may name one of them."""
    body_schema = {"type": "object", "required": ["severity"]}
    for name in ("triage", "alarm"):
        await superuser.execute(
            "insert into postern.workflow_catalog (name, definition) values ($1, $2)",
            name,
            orjson.dumps({"name": name, "description": "d", "body_schema": body_schema}).decode(),
        )
    listed = (await acme.get(f"{PATH}/workflows"))["data"]
    assert [one["name"] for one in listed] == ["alarm", "triage"]
    assert listed[0]["body_schema"] == body_schema
    body = webhook_body(handler_type="workflow", handler_config={"workflow": "triage"})
    made = await acme.post(PATH, body, expect=201)
    assert made["data"]["handler_config"]["workflow"] == "triage"
