"""Keeps what the ledger knows of workflow runs up to date, and finds those of dead workers."""

from collections.abc import Sequence

from shared.database.pool import Pool, connection
from shared.ledger.workflow_runs import EndedRun, OpenRun, WorkflowRuns
from shared.observability.logging import get_logger
from worker import metrics
from worker.maintenance.duty import Duty
from worker.outcome_document import encode_result
from worker.workflows.port import RunState, RunStatus, WorkflowEngine

_LOGGER = get_logger(__name__)

_REFRESH_SECONDS = 1.0
_TAKE_OVER_SECONDS = 3.0
_RETENTION_SECONDS = 60.0
_BATCH = 200
_LONGEST_ERROR = 4_000


def refresh_duty(pool: Pool, engine: WorkflowEngine) -> Duty:
    """Return the duty that asks the engine about runs that have not ended."""

    async def perform() -> None:
        count = _BATCH
        while count == _BATCH:
            count = await _refresh(pool, engine)

    return Duty(name="workflow-runs", every_seconds=_REFRESH_SECONDS, perform=perform)


async def _refresh(pool: Pool, engine: WorkflowEngine) -> int:
    """Ask about one batch of runs; return how many were due."""
    if engine.fault is not None:
        return 0
    async with connection(pool) as borrowed:
        due = await WorkflowRuns(borrowed).claim_open(engine.name, limit=_BATCH)
    if not due:
        return 0
    states = await engine.look([run.run_id for run in due])
    if states is None:
        return 0
    ended = _ended(due, states)
    if ended:
        async with connection(pool) as borrowed:
            await WorkflowRuns(borrowed).record_ended(ended)
    for run in ended:
        metrics.WORKFLOW_RUNS.labels(run.status).inc()
    return len(due)


def _ended(due: Sequence[OpenRun], states: Sequence[RunState]) -> list[EndedRun]:
    known = {state.run_id: state for state in states}
    ended = []
    for run in due:
        state = known.get(run.run_id)
        if state is None and run.is_old:
            state = RunState(run_id=run.run_id, status=RunStatus.LOST)
        if state is not None and state.status is not RunStatus.RUNNING:
            ended.append(_end_of(run, state))
    return ended


def _end_of(run: OpenRun, state: RunState) -> EndedRun:
    has_result = state.status is RunStatus.SUCCEEDED
    return EndedRun(
        run.tenant_id,
        run.delivery_id,
        state.status,
        encode_result(state.result) if has_result else None,
        None if state.error is None else state.error[:_LONGEST_ERROR].replace("\0", "\ufffd"),
    )


def take_over_duty(engine: WorkflowEngine) -> Duty:
    """Return the duty that has runs of dead workers carried on."""

    async def perform() -> None:
        taken = await engine.take_over()
        if taken:
            metrics.WORKFLOW_RUNS_TAKEN_OVER.inc(taken)
            _LOGGER.warning("workflow_runs_taken_over", count=taken)

    return Duty(name="workflow-take-over", every_seconds=_TAKE_OVER_SECONDS, perform=perform)


def workflow_retention_duty(pool: Pool, engine: WorkflowEngine, *, retention_days: int) -> Duty:
    """Return the duty that deletes runs that ended so long ago, also what the engine keeps."""

    async def perform() -> None:
        count = _BATCH
        while count == _BATCH:
            count = await _delete_old(pool, engine, retention_days)
            metrics.KEPT_HOUSE.labels("workflow_runs_deleted").inc(count)

    return Duty(name="workflow-retention", every_seconds=_RETENTION_SECONDS, perform=perform)


async def _delete_old(pool: Pool, engine: WorkflowEngine, days: int) -> int:
    """Delete one batch of runs; return how many."""
    async with connection(pool) as borrowed:
        old = await WorkflowRuns(borrowed).list_old(days=days, limit=_BATCH)
    # The links go last: they alone know what is still to be forgotten.
    ours = [run.run_id for run in old if run.engine == engine.name]
    if not old or (ours and not await engine.forget(ours)):
        return 0
    async with connection(pool) as borrowed:
        await WorkflowRuns(borrowed).delete(old)
    return len(old)
