"""Replay jobs as workers make them, on a real ledger."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.domain.identifiers import uuid7
from shared.errors import DatabaseUnavailable
from shared.ledger.delivery_search import DeliveryConditions
from shared.ledger.replay_jobs import NewReplayJob, ReplayJob, ReplayJobs
from tests.integration.worker.world import Ledger
from worker.maintenance.replays import run_part

_INSERT = """
insert into postern.deliveries (tenant_id, delivery_id, webhook_id, received_at, request_method,
    request_path, request_headers, request_body, source_address, auth_status, dispatch_status,
    response_status)
select $1, unnest($2::uuid[]), $3, now(), 'POST', '/', '', '{}', '203.0.113.9', $4, $5, $6
"""
_TERMINATE = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where application_name = 'replays-tests' and datname = current_database()
    and xact_start is not null
"""
#: So that workers die in the middle of what they make.
_SLOW = """
create function public.take_time() returns trigger language plpgsql
    as $$ begin perform pg_sleep(0.1); return null; end $$;
create trigger take_time after insert on postern.outbox
    for each statement execute function public.take_time();
"""
_REPLAYS = "select replayed_from from postern.deliveries where is_replay order by delivery_id"


@pytest.fixture
async def system_pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role, as a worker has it."""
    async with await create_pool(
        database_url,
        role=SYSTEM_ROLE,
        application_name="replays-tests",
        size=4,
        keeps_plans=True,
    ) as pool:
        yield pool


async def _insert(
    ledger: Ledger,
    count: int,
    *,
    auth: str = "verified",
    status: str = "failed",
    answered: int = 200,
) -> list[UUID]:
    ids = sorted(uuid7() for _ in range(count))
    await ledger.pool.execute(
        _INSERT, ledger.tenant_id, ids, ledger.webhook_id, auth, status, answered
    )
    return ids


def _job(ledger: Ledger) -> NewReplayJob:
    return NewReplayJob(
        replay_job_id=uuid7(),
        webhook_id=ledger.webhook_id,
        conditions=DeliveryConditions(dispatch_status="failed"),
        most_count=10_000,
        per_second=1000,
        created_by="test",
    )


async def _begin(ledger: Ledger, job: NewReplayJob) -> None:
    async with ledger.pool.acquire() as connection:
        await ReplayJobs(connection).insert(ledger.tenant_id, job)


async def _get(ledger: Ledger, job: NewReplayJob) -> ReplayJob:
    async with ledger.pool.acquire() as connection:
        return await ReplayJobs(connection).get(ledger.tenant_id, job.replay_job_id)


async def _replayed(ledger: Ledger) -> list[UUID]:
    return [row["replayed_from"] for row in await ledger.pool.fetch(_REPLAYS)]


async def _make_due(ledger: Ledger) -> None:
    await ledger.pool.execute("update postern.replay_jobs set due_at = now() - interval '1 h'")


async def _run_to_the_end(ledger: Ledger, pool: Pool) -> None:
    while await run_part(pool):
        await _make_due(ledger)


@dataclass
class _Scene:
    """Workers that share a job, and somebody who ends them."""

    ledger: Ledger
    pool: Pool
    job: NewReplayJob
    deaths: int = 0
    is_done: bool = False

    async def work(self) -> None:
        while not self.is_done:
            try:
                await run_part(self.pool)
            except DatabaseUnavailable:
                self.deaths += 1
            self.is_done = (await _get(self.ledger, self.job)).status == "done"
            await _make_due(self.ledger)

    async def kill(self) -> None:
        while not self.is_done and self.deaths < 4:
            await self.ledger.pool.fetchval(_TERMINATE)
            await asyncio.sleep(0.02)


async def test_job_when_workers_die(ledger: Ledger, system_pool: Pool) -> None:
    """Every delivery is replayed once and in order, whoever dies in the middle of what."""
    sources = await _insert(ledger, 400)
    await ledger.pool.execute(_SLOW)
    job = replace(_job(ledger), per_second=200)
    await _begin(ledger, job)
    scene = _Scene(ledger, system_pool, job)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(scene.work())
        group.create_task(scene.kill())
    assert scene.deaths > 0
    assert await _replayed(ledger) == sources
    assert await ledger.pool.fetchval("select count(*) from postern.outbox") == len(sources)
    ended = await _get(ledger, job)
    assert (ended.selected_count, ended.replayed_count, ended.skipped_count) == (400, 400, 0)


async def test_job_when_some_must_not_be_replayed(ledger: Ledger, system_pool: Pool) -> None:
    """Only what a handler could take is: authenticated, readable, settled, no repeat."""
    wanted = await _insert(ledger, 3)
    handled = await _insert(ledger, 1, status="dispatched")
    await _insert(ledger, 1, auth="rejected_ip", answered=401)
    await _insert(ledger, 1, answered=400)
    await _insert(ledger, 1, status="pending")
    await _insert(ledger, 1, status="duplicate")
    await _begin(ledger, replace(_job(ledger), conditions=DeliveryConditions()))
    later = await _insert(ledger, 1)
    await _run_to_the_end(ledger, system_pool)
    assert later[0] > max(wanted)
    assert await _replayed(ledger) == wanted + handled


async def test_job_when_it_has_a_limit_and_a_rate(ledger: Ledger, system_pool: Pool) -> None:
    """The oldest are replayed, as many as the limit says, half a second's worth at a time."""
    sources = await _insert(ledger, 30)
    job = replace(_job(ledger), most_count=12, per_second=10)
    await _begin(ledger, job)
    assert await run_part(system_pool)
    await _make_due(ledger)
    assert await run_part(system_pool)
    assert await _replayed(ledger) == sources[:5]
    late = "select due_at < now() - interval '10 s' from postern.replay_jobs"
    assert not await ledger.pool.fetchval(late), "a late job makes up for a second, and no more"
    await ledger.pool.execute("update postern.replay_jobs set due_at = now() + interval '1 h'")
    assert not await run_part(system_pool), "the rate is used up"
    await _make_due(ledger)
    await _run_to_the_end(ledger, system_pool)
    assert await _replayed(ledger) == sources[:12]
    ended = await _get(ledger, job)
    assert (ended.status, ended.limit_reached, ended.replayed_count) == ("done", True, 12)


async def test_job_when_its_webhook_is_switched_off(ledger: Ledger, system_pool: Pool) -> None:
    """Its deliveries are skipped, and the job ends."""
    await _insert(ledger, 3)
    job = _job(ledger)
    await _begin(ledger, job)
    await ledger.pool.execute("update postern.webhooks set is_active = false")
    await _run_to_the_end(ledger, system_pool)
    ended = await _get(ledger, job)
    assert (ended.status, ended.replayed_count, ended.skipped_count) == ("done", 0, 3)


async def test_job_when_live_deliveries_wait(ledger: Ledger, system_pool: Pool) -> None:
    """Replays stand back while deliveries of the tenant are overdue."""
    sources = await _insert(ledger, 3)
    await ledger.pool.execute(
        "insert into postern.outbox (tenant_id, delivery_id, available_at)"
        " values ($1, gen_random_uuid(), now() - interval '10 s')",
        ledger.tenant_id,
    )
    await _begin(ledger, _job(ledger))
    assert await run_part(system_pool)
    assert await run_part(system_pool)
    assert await _replayed(ledger) == []
    await ledger.pool.execute("delete from postern.outbox")
    await _make_due(ledger)
    await _run_to_the_end(ledger, system_pool)
    assert await _replayed(ledger) == sources


async def test_job_when_it_is_paused(ledger: Ledger, system_pool: Pool) -> None:
    """Nothing is made until it is resumed, and nothing more once it is cancelled."""
    sources = await _insert(ledger, 300)
    job = _job(ledger)
    await _begin(ledger, job)
    assert await run_part(system_pool)
    async with ledger.pool.acquire() as connection:
        jobs = ReplayJobs(connection)
        assert await jobs.set_paused(ledger.tenant_id, job.replay_job_id, is_paused=True)
        assert not await run_part(system_pool)
        assert await jobs.set_paused(ledger.tenant_id, job.replay_job_id, is_paused=False)
        assert await run_part(system_pool)
        assert await jobs.cancel(ledger.tenant_id, job.replay_job_id)
        await _make_due(ledger)
        assert not await run_part(system_pool)
    assert await _replayed(ledger) == sources[:200]
