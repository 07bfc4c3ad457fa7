"""Temporal keeps the contract of workflow engines, on its real test server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from shared.embedded.ports import free_port
from shared.errors import ConfigurationError
from tests.contract.workflow_contract import (
    WorkflowContract,
    WorkflowsUnderTest,
    open_ledger,
    workers,
)
from tests.integration.worker.world import until
from worker.outcome import Retry
from worker.workflows.port import RunStart
from worker.workflows.temporal_address import TemporalAddress
from worker.workflows.temporal_engine import TemporalEngine


class TestTemporal(WorkflowContract):
    """The contract, on workers that share a task queue."""

    #: One death is enough: the test server gives work to dead workers' open requests, and each
    #: such loss is found out by a time-out.
    killed_in = (2,)

    @pytest.fixture
    async def workflows(
        self, database_url: str, temporal_address: str, tmp_path: Path
    ) -> AsyncIterator[WorkflowsUnderTest]:
        """Workers with a task queue of their own."""
        client = await Client.connect(temporal_address)

        async def cancel(run_id: str) -> None:
            await client.get_workflow_handle(run_id).cancel()

        environment = {
            "POSTERN_WORKER_WORKFLOW_ENGINE": "temporal",
            "POSTERN_WORKER_TEMPORAL_ADDRESS": temporal_address,
            "POSTERN_WORKER_TEMPORAL_TASK_QUEUE": f"test-{uuid4().hex}",
        }
        async with open_ledger(database_url) as ledger:
            with workers(database_url, tmp_path, environment) as start_worker:
                yield WorkflowsUnderTest(ledger, start_worker, cancel)

    async def test_start_is_tried_again_while_temporal_is_away(self) -> None:
        """A launch that fails uses up an attempt and not the delivery."""
        engine = TemporalEngine(
            [],
            address=TemporalAddress(
                address=f"127.0.0.1:{free_port()}", namespace="default", task_queue="none"
            ),
            concurrency=1,
            drain_seconds=1,
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(engine.run(stop))

            async def has_tried() -> bool:
                return engine.fault != "not started"

            await until(has_tried)
            outcome = await engine.launch(RunStart(run_id="r", workflow="triage", envelope="{}"))
            stop.set()
        assert isinstance(outcome, Retry)
        assert outcome.code == "engine_unavailable"

    def test_certificate_that_cannot_be_read_is_told(self) -> None:
        """At the start, with the file's name."""
        address = TemporalAddress(
            address="x:1", namespace="n", task_queue="q", uses_tls=True, ca_file="/no/such/file"
        )
        with pytest.raises(ConfigurationError, match="/no/such/file"):
            TemporalEngine([], address=address, concurrency=1, drain_seconds=1)
