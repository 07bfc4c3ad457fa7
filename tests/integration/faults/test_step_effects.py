"""The evidence of workflows' steps: whole runs count once, broken ones are found out."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest

from tests.e2e.harness import Stack
from tests.faults.checker import Checker
from tests.faults.journal import Answer, Kind
from tests.faults.judgement import Breach, judge
from tests.faults.scene import Scene
from tests.integration.worker.world import Ledger

_STEPS = {"whole": (1, 2, 3), "partial": (1, 2), "doubled": (1, 2, 2, 3), "begun": ()}


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    """The ledger, seen by the superuser."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=2) as pool:
        opened = Ledger(pool)
        await opened.insert_tenant()
        await opened.insert_webhook(field_mapping={})
        yield opened


async def _record(ledger: Ledger, event_id: str) -> str:
    """Record a dispatched delivery whose run had some effects; return its id."""
    queued = await ledger.record({}, idempotency_key=event_id, is_published=True)
    await ledger.pool.execute(
        "update postern.deliveries set dispatch_status = 'dispatched' where delivery_id = $1",
        queued.delivery_id,
    )
    await ledger.pool.execute(
        "insert into postern.workflow_runs (tenant_id, delivery_id, run_id, workflow, engine) "
        "values ($1, $2, $3, 'counted', 'dbos')",
        queued.tenant_id,
        queued.delivery_id,
        f"inbound-webhook:{queued.delivery_id}",
    )
    for number, step in enumerate(_STEPS[event_id]):
        await ledger.pool.execute(
            "insert into faults.step_effects (key, event_id, step) values ($1, $2, $3)",
            f"{event_id}:{number}",
            event_id,
            step,
        )
    return str(queued.delivery_id)


def _accepted(event_id: str, delivery_id: str) -> Answer:
    return Answer(
        event_id=event_id,
        kind=Kind.FIRST,
        gateway="gateway-1",
        at=1.0,
        latency_seconds=0.01,
        status=200,
        delivery_id=delivery_id,
    )


async def test_steps_that_are_missing_or_doubled_are_found(
    database_url: str, ledger: Ledger
) -> None:
    """A run without one of its effects is lost, one with an effect twice is doubled."""
    checker = Checker(cast("Stack", SimpleNamespace(dsn=database_url)))
    scene = Scene(gateways=[], webhook_id=str(ledger.webhook_id), slug="any", secret="none")
    ids = {event_id: await _record(ledger, event_id) for event_id in _STEPS}

    found = judge(
        [_accepted(event_id, ids[event_id]) for event_id in _STEPS],
        checker.read(scene),
        answer_within_seconds=None,
    )

    assert {(one.event_id, one.breach) for one in found} == {
        ("partial", Breach.LOST),
        ("begun", Breach.LOST),
        ("doubled", Breach.DOUBLED),
    }


async def test_quiet_waits_for_runs_that_go_on(database_url: str, ledger: Ledger) -> None:
    """Until the last effect is there, or the run is known to have ended without it."""
    checker = Checker(cast("Stack", SimpleNamespace(dsn=database_url)))
    scene = Scene(gateways=[], webhook_id=str(ledger.webhook_id), slug="any", secret="none")
    for event_id in _STEPS:
        await _record(ledger, event_id)

    assert checker.unfinished_count(scene) == 2
    await ledger.pool.execute("update postern.workflow_runs set ended_at = now()")
    assert checker.unfinished_count(scene) == 0
