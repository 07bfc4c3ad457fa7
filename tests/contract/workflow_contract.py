"""What every workflow engine promises: one suite, inherited by one test class for each engine.

The workers are real processes, which find the workflows of ``triage`` as those of an installed
distribution, and which are killed, stopped and joined by others.
"""

import base64
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import orjson

from deploy.local.program import ROOT, Program
from deploy.local.workflow_distribution import install_workflows
from shared.domain.delivery import QueuedDelivery
from shared.embedded.ports import free_port
from tests.contract import triage
from tests.integration.worker.world import Ledger, until

_SECONDS = 60.0
_STEPS = (1, 2, 3)
_INSERT_WEBHOOK = """
insert into postern.webhooks (
    tenant_id, webhook_id, name, slug, auth_type, handler_type, handler_config)
values ($1, $2, 'alerts', 'alerts', 'bearer', 'workflow', '{"workflow": "triage"}')
"""


@asynccontextmanager
async def open_ledger(database_url: str) -> AsyncIterator[Ledger]:
    """Open a ledger with a webhook that starts the workflow, and tables for its effects."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        opened = Ledger(pool)
        await opened.insert_tenant()
        await pool.execute(_INSERT_WEBHOOK, opened.tenant_id, opened.webhook_id)
        await pool.execute(triage.CREATE_TABLES)
        yield opened


@contextmanager
def workers(
    database_url: str, directory: Path, environment: Mapping[str, str]
) -> Iterator[Callable[[], Program]]:
    """Return what starts workers; they are stopped at the end."""
    install_workflows(directory, "tests.contract.triage")
    with ExitStack() as undo:

        def start() -> Program:
            port = free_port()
            worker = Program(
                f"worker-{port}",
                module="worker",
                environment={
                    "PYTHONPATH": f"{ROOT}:{directory}",
                    "POSTERN_DATABASE_URL": database_url,
                    "POSTERN_MASTER_KEYS": "k:" + base64.b64encode(bytes(32)).decode(),
                    "POSTERN_QUEUE_URL": "postgres:",
                    "POSTERN_WORKER_OPERATIONS_PORT": str(port),
                    "POSTERN_WORKER_DRAIN_SECONDS": "0.5",
                    **environment,
                },
                log_dir=directory,
            )
            # Shown with a test that fails.
            undo.callback(lambda: print(worker.log_tail(8000)))
            undo.callback(worker.stop)
            worker.start()
            worker.wait_ready()
            return worker

        yield start


@dataclass
class WorkflowsUnderTest:
    """One engine's workers with a ledger behind them."""

    ledger: Ledger
    #: Starts one more worker.
    start_worker: Callable[[], Program]
    #: Cancels a run as an operator of the engine would.
    cancel: Callable[[str], Awaitable[None]]

    async def open(self, *steps: int) -> None:
        """Let steps go on."""
        for step in steps:
            await self.ledger.pool.execute("insert into public.gates (step) values ($1)", step)

    async def calls(self) -> Counter[int]:
        """Return how often each step was called."""
        rows = await self.ledger.pool.fetch("select step from public.calls")
        return Counter(row["step"] for row in rows)

    async def held_up_in(self, step: int) -> QueuedDelivery:
        """Have a delivery's run wait in a step."""
        await self.open(*(one for one in _STEPS if one < step))
        queued = await self.ledger.record({"severity": 1})
        await self.await_call(step, count=1)
        return queued

    async def await_call(self, step: int, *, count: int) -> None:
        """Wait until a step has been called so often."""

        async def is_called() -> bool:
            return (await self.calls())[step] >= count

        await until(is_called, seconds=_SECONDS)

    async def end_of_run(self, queued: QueuedDelivery) -> tuple[str, object, str | None]:
        """Wait until the run that is linked to a delivery has ended; return how."""

        async def has_ended() -> bool:
            return bool(
                await self.ledger.pool.fetchval(
                    "select ended_at is not null from postern.workflow_runs "
                    "where delivery_id = $1",
                    queued.delivery_id,
                )
            )

        await until(has_ended, seconds=_SECONDS)
        run = await self.run_of(queued)
        assert run["run_id"] == f"inbound-webhook:{queued.delivery_id}"
        result = None if run["result"] is None else orjson.loads(run["result"])
        return run["status"], result, run["error"]

    async def run_of(self, queued: QueuedDelivery) -> asyncpg.Record:
        """Return the run that is linked to a delivery."""
        run = await self.ledger.pool.fetchrow(
            "select * from postern.workflow_runs where delivery_id = $1", queued.delivery_id
        )
        assert run is not None
        return run

    async def assert_done_once(self, queued: QueuedDelivery, *, twice: Collection[int]) -> None:
        """Hold that the run succeeded and that no steps but ``twice`` were called again."""
        status, result, _ = await self.end_of_run(queued)
        assert (status, result) == ("succeeded", {"results": [10, 20, 30], "source": "alerts"})
        effects = await self.ledger.pool.fetch("select step from public.effects order by step")
        assert [row["step"] for row in effects] == [1, 2, 3]
        assert await self.calls() == Counter({step: 1 + (step in twice) for step in _STEPS})
        assert (await self.ledger.delivery(queued))["dispatch_status"] == "dispatched"


class WorkflowContract:
    """The promises; a subclass for each engine provides the fixture ``workflows``."""

    #: In which steps a run's worker is killed, one after the other.
    killed_in: ClassVar[Sequence[int]] = _STEPS

    async def test_killed_in_a_step_and_started_again(self, workflows: WorkflowsUnderTest) -> None:
        """The run goes on in the step that was interrupted; those before it are not repeated."""
        worker = workflows.start_worker()
        queued = await workflows.ledger.record({"severity": 1})
        for step in _STEPS:
            await workflows.await_call(step, count=1)
            if step in self.killed_in:
                worker.kill()
                worker = workflows.start_worker()
                await workflows.await_call(step, count=2)
            await workflows.open(step)
        await workflows.assert_done_once(queued, twice=self.killed_in)

    async def test_killed_workers_run_is_taken_over(self, workflows: WorkflowsUnderTest) -> None:
        """Another worker that runs already carries the run on, without a start of anything."""
        pair = (workflows.start_worker(), workflows.start_worker())
        started = {worker.pid: worker for worker in pair}
        queued = await workflows.held_up_in(2)
        pid = await workflows.ledger.pool.fetchval("select pid from public.calls where step = 2")
        started[pid].kill()
        await workflows.open(2, 3)
        await workflows.assert_done_once(queued, twice=(2,))

    async def test_stopped_workers_run_goes_on(self, workflows: WorkflowsUnderTest) -> None:
        """A worker that is asked to stop leaves its run to others, and not as failed."""
        worker = workflows.start_worker()
        queued = await workflows.held_up_in(2)
        worker.stop()
        await workflows.open(2, 3)
        workflows.start_worker()
        await workflows.assert_done_once(queued, twice=(2,))

    async def test_runs_are_told_of(self, workflows: WorkflowsUnderTest) -> None:
        """Results, errors and refusals of runs stay with their deliveries, each its own."""
        workflows.start_worker()
        await workflows.open(*_STEPS)
        failing = await workflows.ledger.record({"severity": 10})
        succeeding = await workflows.ledger.record({"severity": 1})
        status, result, error = await workflows.end_of_run(failing)
        assert (status, result, error) == ("failed", None, "ValueError: too severe")
        assert (await workflows.end_of_run(succeeding))[0] == "succeeded"
        for queued in (failing, succeeding):
            assert (await workflows.ledger.delivery(queued))["dispatch_status"] == "dispatched"

    async def test_cancelled_run_is_told_of(self, workflows: WorkflowsUnderTest) -> None:
        """A run that its engine's operator cancels makes no further step."""
        workflows.start_worker()
        queued = await workflows.held_up_in(2)
        await workflows.cancel(f"inbound-webhook:{queued.delivery_id}")
        await workflows.open(2)
        status, result, _ = await workflows.end_of_run(queued)
        assert (status, result) == ("cancelled", None)
        assert 3 not in await workflows.calls()

    async def test_step_that_fails_is_tried_again_and_can_be_caught(
        self, workflows: WorkflowsUnderTest
    ) -> None:
        """The workflow gets what the last attempt raised, and may go on."""
        await workflows.ledger.pool.execute(
            """update postern.webhooks set handler_config = '{"workflow": "stumbling"}'"""
        )
        workflows.start_worker()
        queued = await workflows.ledger.record({"severity": 4})
        status, result, _ = await workflows.end_of_run(queued)
        assert (status, result) == ("succeeded", {"caught": "RuntimeError: severity 4"})

    async def test_second_copy_starts_no_second_run(self, workflows: WorkflowsUnderTest) -> None:
        """A delivery that comes again after it was dispatched changes nothing."""
        workflows.start_worker()
        queued = await workflows.held_up_in(1)

        async def is_dispatched() -> bool:
            row = await workflows.ledger.delivery(queued)
            return bool(row["dispatch_status"] == "dispatched")

        await until(is_dispatched, seconds=_SECONDS)
        # As if the worker had died between the start and the note that there is one.
        await workflows.ledger.pool.execute(
            "update postern.deliveries set dispatch_status = 'pending', handler_outcome = null"
        )
        await workflows.ledger.pool.execute(
            "insert into postern.outbox (tenant_id, delivery_id, available_at) "
            "values ($1, $2, now())",
            queued.tenant_id,
            queued.delivery_id,
        )
        await until(is_dispatched, seconds=_SECONDS)
        await workflows.open(*_STEPS)
        status, *_ = await workflows.end_of_run(queued)
        assert status == "succeeded"
        assert await workflows.calls() == Counter(dict.fromkeys(_STEPS, 1))

    async def test_workflows_are_announced(self, workflows: WorkflowsUnderTest) -> None:
        """The catalogue has each, with what it takes as a body."""
        workflows.start_worker()
        pool = workflows.ledger.pool

        async def announced() -> dict[str, Any]:
            rows = await pool.fetch("select name, definition from postern.workflow_catalog")
            return {row["name"]: orjson.loads(row["definition"]) for row in rows}

        async def are_announced() -> bool:
            return set(await announced()) >= {"triage", "stumbling"}

        await until(are_announced, seconds=_SECONDS)
        definitions = await announced()
        assert definitions["triage"]["body_schema"]["required"] == ["severity"]
        assert definitions["stumbling"]["body_schema"] is None
