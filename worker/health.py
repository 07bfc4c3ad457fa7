"""What the worker needs in order to do its work."""

import asyncio
from collections.abc import Mapping

from shared.database.pool import Pool, connection
from shared.errors import DatabaseUnavailable
from shared.observability.operations import Readiness
from worker.consumer import ConsumerLoop

_TIMEOUT_SECONDS = 1.0


def worker_readiness(pool: Pool, loop: ConsumerLoop, stop: asyncio.Event) -> Readiness:
    """Return the check of database and queue; a worker that is stopping is not ready."""

    async def check() -> Mapping[str, str | None]:
        return {
            "database": await _database_fault(pool),
            "queue": loop.queue_fault,
            "program": "stopping" if stop.is_set() else None,
        }

    return check


async def _database_fault(pool: Pool) -> str | None:
    try:
        async with connection(pool, timeout_seconds=_TIMEOUT_SECONDS) as borrowed:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await borrowed.execute("")
    except DatabaseUnavailable as error:
        return str(error)
    return None
