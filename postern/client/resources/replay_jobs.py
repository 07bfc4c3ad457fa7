"""The resource replay_jobs. Written by `make client` from docs/openapi.json."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class ReplayJobs:
    """Calls of replay_jobs."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def plan(
        self, body: bodies.ReplayPlanBody | None = None, *, idempotency_key: str | None = None
    ) -> models.ReplayPlanData:
        """Tell what a job would replay and how long it would take; nothing is written.

        With ``dry_run`` also what the newest few of these replays would do, and change.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays/plan",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.ReplayPlanData)

    def create(
        self, body: bodies.ReplayJobBody | None = None, *, idempotency_key: str | None = None
    ) -> models.ReplayJobData:
        """Replay deliveries that match, the oldest first, up to the limit, at the rate.

        Never authenticated, unreadable, duplicate and unfinished ones are passed over, and what
        is recorded from now on.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.ReplayJobData)

    def list_page(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.ReplayJobPage:
        """List jobs, the newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/replays", query={"limit": limit, "cursor": cursor}
        )
        return self._http.fetch(call, models.ReplayJobPage)

    def each(self, *, limit: int | None = None) -> Iterator[models.ReplayJob]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = self.list_page(limit=limit, cursor=cursor)
            yield from page.data
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    def get(self, replay_job_id: UUID | str) -> models.ReplayJobData:
        """Get a job with its progress.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/replays/{replay_job_id}",
            path={"replay_job_id": replay_job_id},
        )
        return self._http.fetch(call, models.ReplayJobData)

    def pause(
        self, replay_job_id: UUID | str, *, idempotency_key: str | None = None
    ) -> models.ReplayJobData:
        """Stop making replays until the job is resumed.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays/{replay_job_id}/pause",
            path={"replay_job_id": replay_job_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
        )
        return self._http.fetch(call, models.ReplayJobData)

    def resume(
        self, replay_job_id: UUID | str, *, idempotency_key: str | None = None
    ) -> models.ReplayJobData:
        """Let a paused job go on.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays/{replay_job_id}/resume",
            path={"replay_job_id": replay_job_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
        )
        return self._http.fetch(call, models.ReplayJobData)

    def cancel(
        self, replay_job_id: UUID | str, *, idempotency_key: str | None = None
    ) -> models.ReplayJobData:
        """End a job for good; what it has replayed stays.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays/{replay_job_id}/cancel",
            path={"replay_job_id": replay_job_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
        )
        return self._http.fetch(call, models.ReplayJobData)


class AsyncReplayJobs:
    """Calls of replay_jobs."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def plan(
        self, body: bodies.ReplayPlanBody | None = None, *, idempotency_key: str | None = None
    ) -> models.ReplayPlanData:
        """Tell what a job would replay and how long it would take; nothing is written.

        With ``dry_run`` also what the newest few of these replays would do, and change.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays/plan",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.ReplayPlanData)

    async def create(
        self, body: bodies.ReplayJobBody | None = None, *, idempotency_key: str | None = None
    ) -> models.ReplayJobData:
        """Replay deliveries that match, the oldest first, up to the limit, at the rate.

        Never authenticated, unreadable, duplicate and unfinished ones are passed over, and what
        is recorded from now on.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays",
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.ReplayJobData)

    async def list_page(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> models.ReplayJobPage:
        """List jobs, the newest first.

        Needs the permission read.
        """
        call = Call(
            method="GET", template="/api/v1/replays", query={"limit": limit, "cursor": cursor}
        )
        return await self._http.fetch(call, models.ReplayJobPage)

    async def each(self, *, limit: int | None = None) -> AsyncIterator[models.ReplayJob]:
        """Yield what ``list_page`` lists, page after page; ``limit`` is that of one page."""
        cursor: str | None = None
        while True:
            page = await self.list_page(limit=limit, cursor=cursor)
            for item in page.data:
                yield item
            cursor = page.meta.next_cursor
            if cursor is None:
                return

    async def get(self, replay_job_id: UUID | str) -> models.ReplayJobData:
        """Get a job with its progress.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/replays/{replay_job_id}",
            path={"replay_job_id": replay_job_id},
        )
        return await self._http.fetch(call, models.ReplayJobData)

    async def pause(
        self, replay_job_id: UUID | str, *, idempotency_key: str | None = None
    ) -> models.ReplayJobData:
        """Stop making replays until the job is resumed.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays/{replay_job_id}/pause",
            path={"replay_job_id": replay_job_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
        )
        return await self._http.fetch(call, models.ReplayJobData)

    async def resume(
        self, replay_job_id: UUID | str, *, idempotency_key: str | None = None
    ) -> models.ReplayJobData:
        """Let a paused job go on.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays/{replay_job_id}/resume",
            path={"replay_job_id": replay_job_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
        )
        return await self._http.fetch(call, models.ReplayJobData)

    async def cancel(
        self, replay_job_id: UUID | str, *, idempotency_key: str | None = None
    ) -> models.ReplayJobData:
        """End a job for good; what it has replayed stays.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/replays/{replay_job_id}/cancel",
            path={"replay_job_id": replay_job_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
        )
        return await self._http.fetch(call, models.ReplayJobData)
