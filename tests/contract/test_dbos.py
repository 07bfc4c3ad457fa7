"""DBOS keeps the contract of workflow engines."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbos import DBOSClient

from deploy.local.program import ProgramDied
from tests.contract.workflow_contract import (
    WorkflowContract,
    WorkflowsUnderTest,
    open_ledger,
    workers,
)


class TestDbos(WorkflowContract):
    """The contract, on workers that share a database."""

    @pytest.fixture
    async def workflows(
        self, workflow_database_url: str, tmp_path: Path
    ) -> AsyncIterator[WorkflowsUnderTest]:
        """Workers with DBOS in the ledger's own database."""

        def cancel(run_id: str) -> None:
            client = DBOSClient(system_database_url=workflow_database_url)
            client.cancel_workflow(run_id)
            client.destroy()

        async with open_ledger(workflow_database_url) as ledger:
            with workers(workflow_database_url, tmp_path, {}) as start_worker:
                yield WorkflowsUnderTest(
                    ledger, start_worker, lambda run_id: asyncio.to_thread(cancel, run_id)
                )

    async def test_worker_without_the_schema_says_what_to_do(
        self, database_url: str, tmp_path: Path
    ) -> None:
        """It ends at once, and names the command that makes the schema."""
        async with open_ledger(database_url):
            with (
                workers(database_url, tmp_path, {}) as start_worker,
                pytest.raises(ProgramDied, match=r"run python -m shared\.database\.migrate"),
            ):
                start_worker()
