"""Day partitions of deliveries: made before they are needed, dropped when their time is over."""

from shared.database.pool import Pool, connection
from shared.ledger.dead_letters import DeadLetters
from shared.ledger.housekeeping import Housekeeping
from shared.ledger.replay_jobs import ReplayJobs
from shared.ledger.webhook_handlers import WebhookHandlers
from worker import metrics
from worker.maintenance.duty import Duty

_DAYS_AHEAD = 7
_EVERY_SECONDS = 3600.0
_BATCH = 1000


def partitions_duty(pool: Pool, *, retention_days: int) -> Duty:
    """Return the duty; ``pool`` is of the system role."""

    async def perform() -> None:
        async with connection(pool) as borrowed:
            housekeeping = Housekeeping(borrowed)
            created = await housekeeping.create_partitions(_DAYS_AHEAD)
            metrics.KEPT_HOUSE.labels("partitions_created").inc(created)
            dropped = await housekeeping.drop_partitions(retention_days)
            metrics.KEPT_HOUSE.labels("partitions_dropped").inc(dropped)
            for what, delete in (
                ("attempts_deleted", housekeeping.delete_old_attempts),
                ("places_released", housekeeping.release_orphaned_places),
                ("dead_letters_deleted", DeadLetters(borrowed).delete_old),
                ("replay_jobs_deleted", ReplayJobs(borrowed).delete_old),
                ("handlers_deleted", WebhookHandlers(borrowed).delete_old),
            ):
                deleted = _BATCH
                while deleted == _BATCH:
                    deleted = await delete(retention_days, limit=_BATCH)
                    metrics.KEPT_HOUSE.labels(what).inc(deleted)

    return Duty(name="partitions", every_seconds=_EVERY_SECONDS, perform=perform)
