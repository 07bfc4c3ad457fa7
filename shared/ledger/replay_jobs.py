"""Jobs that replay many deliveries: what they are to replay, how far they are, their parts."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.delivery import AuthStatus, DispatchStatus
from shared.errors import NotFound
from shared.ledger.deliveries import DeliverySummary
from shared.ledger.delivery_search import DeliveryConditions

_QUERIES = Queries(__package__, "replay_jobs.sql")

_REPLAYABLE = (DispatchStatus.DISPATCHED, DispatchStatus.FAILED)
_DATES = ("received_from", "received_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReplayJob:
    """A job to be made."""

    replay_job_id: UUID
    #: None: of all webhooks.
    webhook_id: UUID | None
    conditions: DeliveryConditions
    most_count: int
    per_second: float
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayJob:
    """A job as admins see it."""

    replay_job_id: UUID
    webhook_id: UUID | None
    #: JSON text.
    conditions: str
    most_count: int
    per_second: float
    status: str
    is_paused: bool
    limit_reached: bool
    selected_count: int
    replayed_count: int
    skipped_count: int
    created_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job in the hands of a worker."""

    tenant_id: UUID
    replay_job_id: UUID
    webhook_id: UUID | None
    conditions: DeliveryConditions
    most_count: int
    per_second: float
    is_selecting: bool
    position: UUID
    end_id: UUID
    selected_count: int


class Progress(NamedTuple):
    """What became of a part of a job."""

    replayed: int
    skipped: int


def replayable_ids(deliveries: Iterable[DeliverySummary]) -> list[UUID]:
    """Return those that a handler could take: authenticated, readable, settled, no repeat."""
    return [
        delivery.delivery_id
        for delivery in deliveries
        if delivery.webhook_id is not None
        and delivery.auth_status == AuthStatus.VERIFIED
        and delivery.dispatch_status in _REPLAYABLE
        and delivery.response_status != 400
    ]


def conditions_document(conditions: DeliveryConditions) -> str:
    """Return conditions as JSON text, those that are left out left out."""
    given = {name: value for name, value in asdict(conditions).items() if value is not None}
    return orjson.dumps(given).decode()


def parse_conditions(document: str) -> DeliveryConditions:
    """Return the conditions in a JSON text."""
    given: dict[str, Any] = orjson.loads(document)
    for name in _DATES:
        if name in given:
            given[name] = datetime.fromisoformat(given[name])
    return DeliveryConditions(**given)


class ReplayJobs:
    """Reads and writes jobs, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, tenant_id: UUID, job: NewReplayJob) -> None:
        """Insert a job; it begins when a worker comes by."""
        await self._connection.execute(
            _QUERIES["insert"],
            tenant_id,
            job.replay_job_id,
            job.webhook_id,
            conditions_document(job.conditions),
            job.most_count,
            job.per_second,
            UUID(int=max(job.conditions.first_id.int - 1, 0)),
            # Its own replays are newer than itself.
            min(job.conditions.end_id, job.replay_job_id),
            job.created_by,
        )

    async def get(self, tenant_id: UUID, job_id: UUID) -> ReplayJob:
        """Return a job.

        Raises:
            NotFound: There is none of this tenant.
        """
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, job_id)
        if row is None:
            raise NotFound(f"there is no replay job {job_id}")
        return ReplayJob(**row)

    async def list_page(self, tenant_id: UUID, *, before: UUID, limit: int) -> list[ReplayJob]:
        """Return jobs, the newest first."""
        rows = await self._connection.fetch(_QUERIES["list_page"], tenant_id, before, limit)
        return [ReplayJob(**row) for row in rows]

    async def set_paused(self, tenant_id: UUID, job_id: UUID, *, is_paused: bool) -> bool:
        """Pause a job or let it go on; False where it is finished."""
        found = await self._connection.fetchval(
            _QUERIES["set_paused"], tenant_id, job_id, is_paused
        )
        return found is not None

    async def cancel(self, tenant_id: UUID, job_id: UUID) -> bool:
        """End a job; False where it was finished. What it has replayed stays."""
        return await self._connection.fetchval(_QUERIES["cancel"], tenant_id, job_id) is not None

    async def claim_due(self) -> ClaimedJob | None:
        """Lock a job that is due, of any tenant, until the transaction ends."""
        row = await self._connection.fetchrow(_QUERIES["claim_due"])
        if row is None:
            return None
        values = dict(row)
        return ClaimedJob(
            is_selecting=values.pop("status") == "selecting",
            conditions=parse_conditions(values.pop("conditions")),
            **values,
        )

    async def select_deliveries(
        self, job: ClaimedJob, ids: Sequence[UUID], *, position: UUID, is_end: bool
    ) -> None:
        """Note deliveries that a claimed job is to replay, and how far it has looked."""
        limit_reached = job.selected_count + len(ids) >= job.most_count
        await self._connection.execute(
            _QUERIES["select_deliveries"],
            job.tenant_id,
            job.replay_job_id,
            ids,
            position,
            is_end or limit_reached,
            limit_reached,
        )

    async def waits_for_live(self, job: ClaimedJob, *, seconds: float) -> bool:
        """Tell whether deliveries of the job's tenant have been due for so long."""
        waits: bool = await self._connection.fetchval(
            _QUERIES["waits_for_live"], job.tenant_id, seconds
        )
        return waits

    async def put_off(self, job: ClaimedJob, *, seconds: float) -> None:
        """Leave a claimed job alone for a while."""
        await self._connection.execute(
            _QUERIES["put_off"], job.tenant_id, job.replay_job_id, seconds
        )

    async def replay_next(self, job: ClaimedJob, new_ids: Sequence[UUID]) -> Progress:
        """Replay as many deliveries as there are new ids, and note it; ids are ascending."""
        row = await self._connection.fetchrow(
            _QUERIES["replay_next"], job.tenant_id, job.replay_job_id, new_ids
        )
        assert row is not None  # noqa: S101 - it counts
        progress = Progress(*row)
        handled = progress.replayed + progress.skipped
        await self._connection.execute(
            _QUERIES["note_progress"],
            job.tenant_id,
            job.replay_job_id,
            *progress,
            handled < len(new_ids),
            handled / job.per_second,
        )
        return progress

    async def delete_old(self, days: int, *, limit: int) -> int:
        """Delete up to ``limit`` jobs that ended so long ago; return how many."""
        count: int = await self._connection.fetchval(_QUERIES["delete_old"], days, limit)
        return count
