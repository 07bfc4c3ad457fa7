"""Starts of runs by the worker's processor, in the delivery's own transaction."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson
import pytest

from shared.database.pool import Pool
from shared.domain.delivery import QueuedDelivery
from shared.expressions.sandbox import Sandbox
from tests.contract import triage
from tests.integration.worker.world import Ledger, build_processor
from worker.actions.registry import Registry
from worker.handlers.workflow import WorkflowHandler
from worker.processor import Processor
from worker.workflows.dbos_engine import DbosEngine
from worker.workflows.registry import WorkflowRegistry

_RUNS = """
select s.workflow_uuid, i.inputs from dbos.workflow_status s
join dbos.workflow_input i using (workflow_uuid)
"""


@pytest.fixture
def processor(tenant_pool: Pool, sandbox: Sandbox, database_url: str) -> Processor:
    """A worker's processor, with an engine that starts runs and carries none on."""
    workflows = WorkflowRegistry()
    workflows.add_module(triage)
    engine = DbosEngine(
        workflows.items(),
        database_url=database_url,
        pool=tenant_pool,
        concurrency=1,
        drain_seconds=0,
    )
    handler = WorkflowHandler(workflows, engine)
    return build_processor(tenant_pool, sandbox, Registry(), workflows=handler)


async def _runs(ledger: Ledger) -> list[asyncpg.Record]:
    return await ledger.pool.fetch(_RUNS)


async def _rejection(ledger: Ledger, processor: Processor, body: object) -> Mapping[str, Any]:
    queued = await ledger.record(body)
    await processor.process(queued)
    assert (await ledger.delivery(queued))["dispatch_status"] == "failed"
    assert await _runs(ledger) == []
    return await ledger.outcome(queued)


async def _handled(ledger: Ledger, processor: Processor, body: object) -> QueuedDelivery:
    queued = await ledger.record(body, idempotency_key="key-1")
    await processor.process(queued)
    return queued


async def test_run_gets_the_envelope(ledger: Ledger, processor: Processor) -> None:
    """All that a workflow is told of the request, and nothing else."""
    queued = await _handled(ledger, processor, {"severity": 3, "big": 2**60})
    (run,) = await _runs(ledger)
    (envelope,) = orjson.loads(run["inputs"])["positionalArgs"]
    assert envelope == {
        "source": "alerts",
        "tenant_id": str(ledger.tenant_id),
        "delivery_id": str(queued.delivery_id),
        "body": {"severity": 3, "big": 2**60},
        "headers": {"content-type": "application/json"},
        "verified": True,
        "idempotency_key": "key-1",
        "received_at": queued.received_at.isoformat(),
    }
    assert await ledger.outcome(queued) == {
        "workflow": "triage",
        "workflow_run_id": f"inbound-webhook:{queued.delivery_id}",
        "webhook_version": 1,
    }


async def test_second_copy_starts_no_second_run(ledger: Ledger, processor: Processor) -> None:
    """A delivery that comes twice has one run and one link."""
    queued = await _handled(ledger, processor, {"severity": 1})
    await processor.process(queued)
    assert len(await _runs(ledger)) == 1
    assert await ledger.pool.fetchval("select count(*) from postern.workflow_runs") == 1


async def test_start_that_is_rolled_back_leaves_no_run(
    ledger: Ledger, processor: Processor
) -> None:
    """Without the link there is no run either, and the delivery is tried again."""
    await ledger.pool.execute(
        "alter table postern.workflow_runs add constraint full_up check (false) not valid"
    )
    queued = await _handled(ledger, processor, {"severity": 1})
    assert await _runs(ledger) == []
    assert (await ledger.delivery(queued))["retry_count"] == 1


async def test_engine_that_is_not_there_is_tried_again(
    ledger: Ledger, processor: Processor
) -> None:
    """A launch that fails uses up an attempt and not the delivery."""
    await ledger.pool.execute("drop schema dbos cascade")
    queued = await _handled(ledger, processor, {"severity": 1})
    row = await ledger.delivery(queued)
    assert (row["dispatch_status"], row["retry_count"]) == ("pending", 1)


async def test_unknown_workflow_is_rejected(ledger: Ledger, processor: Processor) -> None:
    """The outcome names it."""
    await ledger.pool.execute(
        """update postern.webhooks set handler_config = '{"workflow": "other"}'"""
    )
    outcome = await _rejection(ledger, processor, {"severity": 1})
    assert outcome["code"] == "unknown_workflow"
    assert "'other'" in outcome["error"]


async def test_body_of_another_shape_is_rejected(ledger: Ledger, processor: Processor) -> None:
    """Each field at fault is named, with what is wrong."""
    outcome = await _rejection(ledger, processor, {"severity": "high"})
    assert outcome["code"] == "envelope_invalid"
    (fault,) = outcome["faults"]
    assert (fault["field"], fault["rule"]) == ("body.severity", "int_parsing")


async def test_body_that_is_not_json_is_rejected(ledger: Ledger, processor: Processor) -> None:
    """No workflow is given half a body."""
    outcome = await _rejection(ledger, processor, b"{")
    assert outcome["code"] == "invalid_json"
