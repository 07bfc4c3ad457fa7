"""Statements that lock rows of partitioned tables, while others change the same rows."""

import asyncio
from contextlib import suppress
from uuid import UUID

from shared.database.pool import SYSTEM_ROLE, TENANT_ROLE, create_pool
from shared.errors import DeliveryHeld
from shared.ledger.attempts import Attempts, ExpectedDelivery, Finished, claimed_group
from shared.ledger.reconciliation import Reconciliation
from tests.integration.worker.world import Ledger

_LOST_COUNT = 300
_LOOKS = 12
_FIRST = UUID(int=0)
_AGED = """
insert into postern.deliveries (
    tenant_id, delivery_id, received_at, request_method, request_path, request_headers,
    source_address, auth_status, dispatch_status, response_status)
select tenant_id, (overlay(gen_random_uuid()::text placing
           left(postern.uuid7_floor(now() - interval '2 hours')::text, 13) from 1))::uuid,
       now() - interval '2 hours', 'POST', '/', '', '', 'verified', 'pending', 200
from postern.tenants cross join generate_series(1, $1)
"""
_CHANGE = (
    "update postern.deliveries set retry_count = retry_count + 1 where delivery_id = any ($1)"
)
_TOUCH = (
    "update postern.deliveries set next_attempt_at = clock_timestamp() "
    "where delivery_id = any ($1)"
)
_OPEN_AGAIN = "update postern.deliveries set dispatch_status = 'pending'"
_GROUP_COUNT = 60
_MEMBERS = 32
_LOSE_AGAIN = "update postern.deliveries set next_attempt_at = null"


async def test_a_look_for_lost_deliveries_survives_that_they_change(
    database_url: str, ledger: Ledger
) -> None:
    """PostgreSQL 18.4 ends with a segmentation fault where such a look prunes partitions."""
    await ledger.pool.execute(_AGED, _LOST_COUNT)
    rows = await ledger.pool.fetch("select delivery_id from postern.deliveries")
    ids = [row["delivery_id"] for row in rows]
    done = asyncio.Event()

    async def change(share: list[UUID]) -> None:
        while not done.is_set():
            for one in share:
                await ledger.pool.execute(_CHANGE, [one])

    async with (
        await create_pool(
            database_url, role=SYSTEM_ROLE, application_name="looks", size=1, keeps_plans=True
        ) as pool,
        asyncio.TaskGroup() as group,
    ):
        for number in range(2):
            group.create_task(change(ids[number::2]))
        found = 0
        try:
            for _ in range(_LOOKS):
                async with pool.acquire() as connection, connection.transaction():
                    seen = await Reconciliation(connection).requeue_lost(
                        after=_FIRST, untouched_seconds=60.0, limit=_LOST_COUNT
                    )
                found += seen.queued_count
                await ledger.pool.execute("delete from postern.outbox")
                await ledger.pool.execute(_LOSE_AGAIN)
        finally:
            done.set()
    assert found > _LOST_COUNT


async def test_groups_survive_that_their_deliveries_change(
    database_url: str, ledger: Ledger
) -> None:
    """Claims of many rows wait for whoever changes some, and look at those rows again."""
    queued = [await ledger.record({}) for _ in range(_MEMBERS)]
    expected = [ExpectedDelivery(one.delivery_id, 0, 1) for one in queued]
    finished = [Finished(one.delivery_id, "{}", 1.0) for one in queued]
    done = asyncio.Event()

    async def touch(some: list[UUID]) -> None:
        while not done.is_set():
            for one in some:
                await ledger.pool.execute(_TOUCH, [one])

    closed = 0
    async with (
        await create_pool(
            database_url, role=TENANT_ROLE, application_name="groups", size=2, keeps_plans=True
        ) as pool,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(touch([one.delivery_id for one in queued[::3]]))
        try:
            for _ in range(_GROUP_COUNT):
                with suppress(DeliveryHeld):  # for longer than a group waits
                    async with claimed_group(pool, ledger.tenant_id, expected) as connection:
                        Attempts(connection).finish_group_at_commit(ledger.tenant_id, finished)
                    closed += 1
                await ledger.pool.execute(_OPEN_AGAIN)
        finally:
            done.set()
    assert closed > _GROUP_COUNT / 2
