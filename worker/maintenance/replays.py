"""Replays of many deliveries, made at the rate of their job.

Any number of workers may do it at once: one at a time has a job, and what it makes commits with
the note that it is made, so that a worker which dies on the way has made nothing.
"""

from shared.database.pool import Connection, Pool, transaction
from shared.domain.identifiers import TenantId, delivery_id
from shared.ledger.delivery_search import DeliverySearch
from shared.ledger.replay_jobs import ClaimedJob, ReplayJobs, replayable_ids
from worker import metrics
from worker.maintenance.duty import Duty

_EVERY_SECONDS = 0.25
#: In one transaction: of half a second, and no more than this.
_PART_SECONDS = 0.5
_MOST_AT_ONCE = 200
_LOOKED_AT_ONCE = 1000
#: Parts in a row before other jobs and duties of the loop have their turn.
_PARTS = 20
#: Deliveries that have been due for so long go before replays.
_LIVE_SECONDS = 2.0
_PUT_OFF_SECONDS = 1.0


def replays_duty(pool: Pool) -> Duty:
    """Return the duty; ``pool`` is of the system role."""

    async def perform() -> None:
        for _ in range(_PARTS):
            if not await run_part(pool):
                return

    return Duty(name="replays", every_seconds=_EVERY_SECONDS, perform=perform)


async def run_part(pool: Pool) -> bool:
    """Do the next part of a job that is due; False where none is."""
    async with transaction(pool) as connection:
        jobs = ReplayJobs(connection)
        job = await jobs.claim_due()
        if job is None:
            return False
        if job.is_selecting:
            await _select(connection, jobs, job)
        elif await jobs.waits_for_live(job, seconds=_LIVE_SECONDS):
            await jobs.put_off(job, seconds=_PUT_OFF_SECONDS)
        else:
            await _replay(jobs, job)
    return True


async def _select(connection: Connection, jobs: ReplayJobs, job: ClaimedJob) -> None:
    search = DeliverySearch(connection, TenantId(job.tenant_id), job.webhook_id)
    part = await search.oldest_part(
        job.conditions, after=job.position, end=job.end_id, limit=_LOOKED_AT_ONCE
    )
    room = job.most_count - job.selected_count
    chosen = replayable_ids(part.deliveries)[:room]
    await jobs.select_deliveries(job, chosen, position=part.position, is_end=part.is_end)


async def _replay(jobs: ReplayJobs, job: ClaimedJob) -> None:
    count = max(1, min(_MOST_AT_ONCE, round(job.per_second * _PART_SECONDS)))
    new_ids = sorted(delivery_id() for _ in range(count))
    progress = await jobs.replay_next(job, new_ids)
    metrics.REPLAYED.labels("replayed").inc(progress.replayed)
    metrics.REPLAYED.labels("skipped").inc(progress.skipped)
