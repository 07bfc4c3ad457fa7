"""Poison records are kept, for operators alone."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, connection, create_pool
from shared.ledger.dead_letters import MAX_KEPT_BYTES, DeadLetters
from shared.queue.port import PoisonRecord
from worker.dead_letters import dead_letter_box


@pytest.fixture
async def system_pool(database_url: str) -> AsyncIterator[Pool]:
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="dead-letter-tests", size=2
    ) as pool:
        yield pool


async def test_poison_record_is_kept_with_bytes_and_reason(
    system_pool: Pool, database_url: str
) -> None:
    """Source, reason and bytes are kept; of a huge record the beginning and its length."""
    keep = dead_letter_box(system_pool)
    await keep(PoisonRecord("deliveries/3/17", "no \0 value", b"\xff\x00"))
    await keep(PoisonRecord("deliveries/3/18", "too big", b"x" * (MAX_KEPT_BYTES + 5)))
    owner = await asyncpg.connect(database_url)
    rows = await owner.fetch("select * from postern.dead_letters order by source")
    await owner.close()
    assert [(row["source"], row["value"][:3], row["value_bytes"]) for row in rows] == [
        ("deliveries/3/17", b"\xff\x00", 2),
        ("deliveries/3/18", b"xxx", MAX_KEPT_BYTES + 5),
    ]
    assert rows[0]["reason"] == "no \\0 value"
    assert len(rows[1]["value"]) == MAX_KEPT_BYTES


async def test_old_dead_letters_are_deleted(system_pool: Pool, database_url: str) -> None:
    """They go with the retention, not before."""
    keep = dead_letter_box(system_pool)
    for number in range(3):
        await keep(PoisonRecord(f"deliveries/0/{number}", "odd", b""))
    owner = await asyncpg.connect(database_url)
    await owner.execute(
        "update postern.dead_letters set received_at = now() - interval '8 days'"
        " where source <> $1",
        "deliveries/0/2",
    )
    async with connection(system_pool) as borrowed:
        dead_letters = DeadLetters(borrowed)
        assert await dead_letters.delete_old(7, limit=1) == 1
        assert await dead_letters.delete_old(7, limit=10) == 1
    assert await owner.fetchval("select count(*) from postern.dead_letters") == 1
    await owner.close()


async def test_tenants_do_not_see_dead_letters(tenant_pool: Pool) -> None:
    """What belongs to no tenant is shown to none."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await tenant_pool.fetch("select * from postern.dead_letters")
