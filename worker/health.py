"""What the worker needs in order to do its work."""

import asyncio
from collections.abc import Mapping

from shared.database.pool import Pool, database_fault
from shared.observability.operations import Readiness
from worker.consumer import ConsumerLoop
from worker.workflows.port import WorkflowEngine


def worker_readiness(
    pool: Pool, loop: ConsumerLoop, engine: WorkflowEngine | None, stop: asyncio.Event
) -> Readiness:
    """Return the check of database, queue and workflows; one that is stopping is not ready."""

    async def check() -> Mapping[str, str | None]:
        return {
            "database": await database_fault(pool),
            "queue": loop.queue_fault,
            "workflows": None if engine is None else engine.fault,
            "program": "stopping" if stop.is_set() else None,
        }

    return check
