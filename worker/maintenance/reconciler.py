"""Finds deliveries that are neither finished nor queued, and puts them back into the outbox.

That happens when Kafka loses its log, or a record is taken from it and not handled. Any number of
workers may look at once. What it queues in vain is recognised by whoever handles it.
"""

from collections import deque
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from shared.database.pool import Pool, connection
from shared.errors import QueueUnavailable
from shared.ledger.reconciliation import Reconciliation
from shared.observability.logging import get_logger
from shared.queue.port import Backlog
from worker import metrics
from worker.maintenance.duty import Duty

_LOGGER = get_logger(__name__)

_EVERY_SECONDS = 15.0
#: Unfinished deliveries that one statement looks at in some 50 ms, and how many at a time.
_BATCH = 5000
_MOST_BATCHES = 20
_BEFORE_ALL = UUID(int=0)


class _Look(NamedTuple):
    """What waited to be sent to the queue at a moment."""

    at: float
    #: When the first of it was due.
    due_since: float


class Reconciler:
    """Goes through unfinished deliveries from the oldest on, some at each look.

    One counts as lost when it has no outbox row and was last touched, that is accepted or made due
    for an attempt, before everything that the queue still has for the workers, by a grace for what
    is being published. The queue may have what was due long before it was sent: after an outage of
    Kafka relays send what is minutes old. After ``latest_seconds`` it counts as lost whatever the
    queue has.
    """

    def __init__(
        self, pool: Pool, backlog: Backlog, *, grace_seconds: float, latest_seconds: float
    ) -> None:
        self._pool = pool
        self._backlog = backlog
        self._grace_seconds = grace_seconds
        self._latest_seconds = latest_seconds
        self._after = _BEFORE_ALL
        #: The oldest of them is the last before all in the queue was sent.
        self._looks: deque[_Look] = deque()

    async def reconcile(self) -> int:
        """Look on from where the last look ended; return how many were queued again.

        Raises:
            DatabaseUnavailable: Try again later.
        """
        untouched_seconds = await self._untouched_seconds()
        queued = 0
        for _ in range(_MOST_BATCHES):
            async with connection(self._pool) as borrowed:
                found = await Reconciliation(borrowed).requeue_lost(
                    after=self._after, untouched_seconds=untouched_seconds, limit=_BATCH
                )
            queued += found.queued_count
            at_end = found.last_id is None or found.examined_count < _BATCH
            self._after = _BEFORE_ALL if at_end or found.last_id is None else found.last_id
            if at_end:
                break
        if queued:
            metrics.RECONCILED.inc(queued)
            _LOGGER.warning("lost_deliveries_queued_again", deliveries=queued)
        return queued

    async def _untouched_seconds(self) -> float:
        await self._look()
        try:
            finished_seconds_ago = await self._backlog.finished_seconds_ago()
        except QueueUnavailable as error:
            _LOGGER.info("backlog_unknown", error=str(error))
            finished_seconds_ago = None
        if finished_seconds_ago is None:
            return self._latest_seconds
        due_seconds_ago = self._unsent_seconds_ago(finished_seconds_ago)
        return min(due_seconds_ago + self._grace_seconds, self._latest_seconds)

    async def _look(self) -> None:
        async with connection(self._pool) as borrowed:
            due_seconds = await Reconciliation(borrowed).due_seconds()
        now = monotonic()
        self._looks.append(_Look(now, now - due_seconds))
        while self._looks[0].at < now - self._latest_seconds:
            self._looks.popleft()

    def _unsent_seconds_ago(self, finished_seconds_ago: float) -> float:
        """Return when the first was due of what was sent after a moment, or waited to be then."""
        now = monotonic()
        moment = now - finished_seconds_ago
        while len(self._looks) > 1 and self._looks[1].at <= moment:
            self._looks.popleft()
        look = self._looks[0]
        return finished_seconds_ago if look.at > moment else now - min(moment, look.due_since)


def reconciler_duty(reconciler: Reconciler) -> Duty:
    """Return the duty."""

    async def perform() -> None:
        await reconciler.reconcile()

    return Duty(name="reconciler", every_seconds=_EVERY_SECONDS, perform=perform)
