"""What is kept of runs: refreshed, and deleted after its time."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from shared.database.pool import SYSTEM_ROLE, Connection, Pool, create_pool
from shared.domain.identifiers import uuid7
from tests.integration.worker.world import Ledger
from worker.maintenance.workflow_runs import refresh_duty, workflow_retention_duty
from worker.workflows.port import RunStart, RunState, RunStatus

_INSERT = """
insert into postern.workflow_runs (
    tenant_id, delivery_id, run_id, workflow, engine, status, started_at, look_at, ended_at)
values (
    $1, $2, ($2::uuid)::text, 'triage', $3, case when $5 then 'succeeded' else 'running' end,
    now() - make_interval(mins => $4), now(),
    case when $5 then now() - make_interval(mins => $4) end)
"""
_DAY_MINUTES = 24 * 60


@dataclass
class Engine:
    """Answers for an engine what a test wants it to."""

    name: str = "dbos"
    fault: str | None = None
    states: list[RunState] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    forgotten: list[str] | None = field(default_factory=list)

    async def run(self, stop: object) -> None:
        """Nothing runs here."""

    async def enlist(self, connection: Connection, start: RunStart) -> None:
        """Nothing starts here."""

    async def look(self, run_ids: Sequence[str]) -> Sequence[RunState] | None:
        """Note who was asked about."""
        self.asked += run_ids
        return self.states

    async def take_over(self) -> int:
        """Nobody dies here."""
        return 0

    async def forget(self, run_ids: Sequence[str]) -> bool:
        """Note who was forgotten; None: cannot."""
        if self.forgotten is None:
            return False
        self.forgotten += run_ids
        return True


@pytest.fixture
async def system_pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="run-tests", size=2
    ) as pool:
        yield pool


async def _insert(
    ledger: Ledger, *, minutes: int = 0, ended: bool = False, engine: str = "dbos"
) -> str:
    delivery_id = uuid7()
    await ledger.pool.execute(_INSERT, ledger.tenant_id, delivery_id, engine, minutes, ended)
    return str(delivery_id)


async def _statuses(ledger: Ledger) -> dict[str, str]:
    rows = await ledger.pool.fetch("select run_id, status from postern.workflow_runs")
    return {row["run_id"]: row["status"] for row in rows}


async def test_ends_are_recorded(ledger: Ledger, system_pool: Pool) -> None:
    """Result and error as PostgreSQL can keep them; a run that goes on is asked about later."""
    ids = [await _insert(ledger) for _ in range(4)]
    engine = Engine()
    engine.states = [
        RunState(run_id=ids[0], status=RunStatus.SUCCEEDED, result={"text": "a\0b", "big": 2**70}),
        RunState(run_id=ids[1], status=RunStatus.FAILED, error="ValueError: a\0b"),
        RunState(run_id=ids[2], status=RunStatus.CANCELLED),
        RunState(run_id=ids[3], status=RunStatus.RUNNING),
    ]
    duty = refresh_duty(system_pool, engine)
    await duty.perform()
    statuses = await _statuses(ledger)
    assert [statuses[one] for one in ids] == ["succeeded", "failed", "cancelled", "running"]
    row = await ledger.pool.fetchrow(
        "select error, ended_at from postern.workflow_runs where run_id = $1", ids[1]
    )
    assert row is not None
    assert row["error"] == "ValueError: a\ufffdb"
    await duty.perform()
    assert sorted(engine.asked) == sorted(ids)


async def test_run_that_its_engine_forgot_is_lost(ledger: Ledger, system_pool: Pool) -> None:
    """Once it is old: a young one may be known a moment later."""
    old, young = await _insert(ledger, minutes=11), await _insert(ledger, minutes=9)
    await refresh_duty(system_pool, Engine()).perform()
    assert await _statuses(ledger) == {old: "lost", young: "running"}


async def test_engine_that_is_away_loses_nothing(ledger: Ledger, system_pool: Pool) -> None:
    """Nobody is asked about, and nothing is put off."""
    old = await _insert(ledger, minutes=11)
    engine = Engine(fault="away")
    await refresh_duty(system_pool, engine).perform()
    assert await _statuses(ledger) == {old: "running"}
    engine.fault = None
    engine.states = [RunState(run_id=old, status=RunStatus.SUCCEEDED)]
    await refresh_duty(system_pool, engine).perform()
    assert await _statuses(ledger) == {old: "succeeded"}


async def test_runs_are_deleted_after_their_time(ledger: Ledger, system_pool: Pool) -> None:
    """Those of this engine there first; runs that go on stay however old they are."""
    old = await _insert(ledger, minutes=31 * _DAY_MINUTES, ended=True)
    other = await _insert(ledger, minutes=31 * _DAY_MINUTES, ended=True, engine="temporal")
    kept = {
        await _insert(ledger, minutes=29 * _DAY_MINUTES, ended=True),
        await _insert(ledger, minutes=31 * _DAY_MINUTES),
    }
    engine = Engine(forgotten=None)
    duty = workflow_retention_duty(system_pool, engine, retention_days=30)
    await duty.perform()
    assert set(await _statuses(ledger)) == {old, other} | kept
    engine.forgotten = []
    await duty.perform()
    assert set(await _statuses(ledger)) == kept
    assert engine.forgotten == [old]
