"""Idempotency keys and kept answers whose time is over: deleted in small batches."""

from shared.database.pool import Pool, connection
from shared.ledger.housekeeping import Housekeeping
from worker import metrics
from worker.maintenance.duty import Duty

_EVERY_SECONDS = 30.0
_BATCH = 1000


def expiry_duty(pool: Pool) -> Duty:
    """Return the duty; ``pool`` is of the system role."""

    async def perform() -> None:
        deleted = _BATCH
        while deleted == _BATCH:
            async with connection(pool) as borrowed:
                deleted = await Housekeeping(borrowed).delete_expired_keys(limit=_BATCH)
            metrics.KEPT_HOUSE.labels("keys_deleted").inc(deleted)
        deleted = _BATCH
        while deleted == _BATCH:
            async with connection(pool) as borrowed:
                deleted = await Housekeeping(borrowed).delete_expired_requests(limit=_BATCH)
            metrics.KEPT_HOUSE.labels("requests_deleted").inc(deleted)

    return Duty(name="expiry", every_seconds=_EVERY_SECONDS, perform=perform)
