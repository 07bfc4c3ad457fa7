"""Events of the PSA store whose time is over: deleted in small batches."""

from shared.database.pool import Pool, connection
from shared.psa.events import Events
from worker import metrics
from worker.maintenance.duty import Duty

_EVERY_SECONDS = 600.0
_BATCH = 500


def events_duty(pool: Pool, *, retention_days: int) -> Duty:
    """Return the duty; ``pool`` is of the system role."""

    async def perform() -> None:
        deleted = 1
        while deleted:
            async with connection(pool) as borrowed:
                deleted = await Events(borrowed).delete_old(retention_days, limit=_BATCH)
            metrics.KEPT_HOUSE.labels("events_deleted").inc(deleted)

    return Duty(name="events", every_seconds=_EVERY_SECONDS, perform=perform)
