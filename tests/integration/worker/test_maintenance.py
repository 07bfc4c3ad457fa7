"""Housekeeping on a real ledger."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.errors import DatabaseUnavailable
from tests.integration.worker.world import DEVICE_BODY, Ledger, until
from worker.actions.registry import Registry
from worker.maintenance.announcement import announcement_duty
from worker.maintenance.duty import Duty
from worker.maintenance.expiry import expiry_duty
from worker.maintenance.partitions import partitions_duty
from worker.maintenance.samples import samples_duty
from worker.workflows.registry import WorkflowRegistry

_COUNT_PARTITIONS = (
    "select count(*) from pg_inherits where inhparent = 'postern.deliveries'::regclass"
)
_CREATE_OLD_PARTITION = """
create table postern.deliveries_20200101 partition of postern.deliveries
    for values from ('016f5e66-e800-0000-0000-000000000000')
    to ('016f638d-4400-0000-0000-000000000000')
"""
_INSERT_ATTEMPT = """
insert into postern.delivery_attempts
values ($1, gen_random_uuid(), 0, now() - make_interval(days => $2), 1, '{}')
"""
_INSERT_KEY = """
insert into postern.idempotency_keys
select $1, $2, sha256(n::text::bytea), gen_random_uuid(), now() + make_interval(secs => $3)
from generate_series(1, $4) n
"""


@pytest.fixture
async def system_pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="maintenance-tests", size=3
    ) as pool:
        yield pool


async def test_partitions_are_made_ahead_and_dropped_after_their_time(
    ledger: Ledger, system_pool: Pool
) -> None:
    """Days ahead exist again, days past the retention are gone, and so are their attempts."""
    before = await ledger.pool.fetchval(_COUNT_PARTITIONS)
    await ledger.pool.execute(_CREATE_OLD_PARTITION)
    newest = await ledger.pool.fetchval(
        "select max(relname) from pg_class where relname ~ '^deliveries_[0-9]{8}$'"
    )
    await ledger.pool.execute(f"drop table postern.{newest}")
    await ledger.pool.execute(_INSERT_ATTEMPT, ledger.tenant_id, 40)
    await ledger.pool.execute(_INSERT_ATTEMPT, ledger.tenant_id, 1)
    await partitions_duty(system_pool, retention_days=30).perform()
    assert await ledger.pool.fetchval(_COUNT_PARTITIONS) == before
    assert await ledger.pool.fetchval("select to_regclass('postern.deliveries_20200101')") is None
    assert len(await ledger.attempts()) == 1


async def test_handlers_are_forgotten_with_the_deliveries_that_they_handled(
    ledger: Ledger, system_pool: Pool
) -> None:
    """One goes once another has had its place for longer than deliveries are kept."""
    for days_ago, name in ((40, "b"), (35, "c"), (20, "d")):
        await ledger.change_mapping({"external_id": name})
        await ledger.pool.execute(
            "update postern.webhook_handlers set created_at = now() - make_interval(days => $1)"
            " where since_version = (select max(since_version) from postern.webhook_handlers)",
            days_ago,
        )
    await ledger.pool.execute(
        "update postern.webhook_handlers set created_at = now() - interval '90 days'"
        " where since_version = 1"
    )
    await partitions_duty(system_pool, retention_days=30).perform()
    rows = await ledger.pool.fetch(
        "select since_version from postern.webhook_handlers where webhook_id = $1 order by 1",
        ledger.webhook_id,
    )
    assert [row["since_version"] for row in rows] == [3, 4]


async def test_expired_keys_are_deleted(ledger: Ledger, system_pool: Pool) -> None:
    """Every key past its window goes, however many; live ones stay."""
    webhooks = (ledger.webhook_id, ledger.tenant_id)
    await ledger.pool.execute(_INSERT_KEY, ledger.tenant_id, webhooks[0], -1, 2500)
    await ledger.pool.execute(_INSERT_KEY, ledger.tenant_id, webhooks[1], 60, 3)
    await expiry_duty(system_pool).perform()
    assert await ledger.key_count() == 3


async def test_armed_webhook_gets_its_sample(ledger: Ledger, system_pool: Pool) -> None:
    """The first delivery after the arming is kept."""
    await ledger.pool.execute(
        "update postern.webhooks set sample_armed_at = now() - interval '1 second', "
        "sample_expires_at = now() + interval '5 minutes'"
    )
    queued = await ledger.record(DEVICE_BODY)
    await samples_duty(system_pool).perform()
    sample = await ledger.pool.fetchrow("select delivery_id, body from postern.webhook_samples")
    assert sample is not None
    assert (sample["delivery_id"], sample["body"]) == (queued.delivery_id, queued.body)


async def test_actions_are_announced_again_and_again(
    ledger: Ledger, system_pool: Pool, registry: Registry
) -> None:
    """The catalogue has each action once, with the definition of the latest announcement."""
    duty = announcement_duty(system_pool, registry, WorkflowRegistry())
    await duty.perform()
    await ledger.pool.execute("update postern.action_catalog set definition = '{}'")
    await duty.perform()
    rows = await ledger.pool.fetch("select name, definition from postern.action_catalog")
    assert {row["name"] for row in rows} == {"upsertAssetByExternalId", "recordEffect"}
    for row in rows:
        assert orjson.loads(row["definition"])["name"] == row["name"]


async def test_what_nobody_announces_is_forgotten(
    ledger: Ledger, system_pool: Pool, registry: Registry
) -> None:
    """A day after its package is gone; what a worker still has stays, however long it was away."""
    await ledger.pool.executemany(
        "insert into postern.action_catalog (name, entity_type, definition, announced_at) "
        "values ($1, 'x', '{}', now() - make_interval(hours => $2))",
        [("gone", 25), ("restarting", 23), ("recordEffect", 100)],
    )
    await ledger.pool.executemany(
        "insert into postern.workflow_catalog (name, definition, announced_at) "
        "values ($1, '{}', now() - make_interval(hours => $2))",
        [("gone", 25), ("restarting", 23)],
    )
    await announcement_duty(system_pool, registry, WorkflowRegistry()).perform()
    workflows = await ledger.pool.fetch("select name from postern.workflow_catalog")
    assert [row["name"] for row in workflows] == ["restarting"]
    rows = await ledger.pool.fetch("select name from postern.action_catalog")
    assert {row["name"] for row in rows} == {
        "upsertAssetByExternalId",
        "recordEffect",
        "restarting",
    }


async def test_duty_survives_an_outage() -> None:
    """A duty that met an outage is performed again, and stops when told."""
    stop = asyncio.Event()
    performed = 0

    async def perform() -> None:
        nonlocal performed
        performed += 1
        if performed == 1:
            raise DatabaseUnavailable

    async def performed_twice() -> bool:
        return performed >= 2

    async with asyncio.TaskGroup() as group:
        group.create_task(Duty(name="d", every_seconds=0.01, perform=perform).run(stop))
        await until(performed_twice)
        stop.set()
