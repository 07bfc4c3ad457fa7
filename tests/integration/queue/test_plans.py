"""The queue's statements keep to their indexes, whatever the outbox held when first used."""

import asyncpg

from shared.database.pool import SYSTEM_ROLE, Pool, connection, create_pool
from shared.ledger.outbox import Outbox
from shared.queue.claims import RunClaims
from shared.queue.connect import POSTGRES_QUEUE_URL, connect_consumer, connect_producer
from tests.contract.ledger import make_delivery, record, record_in_outbox

_ROWS_READ_BY_SCANS = """
select seq_tup_read from pg_stat_user_tables where schemaname = 'postern' and relname = 'outbox'
"""
_FLUSH_STATISTICS = "select pg_stat_force_next_flush()"
_ENTRIES_READ = """
select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname = 'outbox'
"""
_CLAIMED = 20
_BACKLOG = 4000


async def use_every_statement(pool: Pool) -> None:
    """Send, receive, release, acknowledge and clear one delivery."""
    delivery = make_delivery()
    await record(pool, delivery)
    await connect_producer(POSTGRES_QUEUE_URL, topic="", pool=pool).send([delivery])
    consumer = connect_consumer(POSTGRES_QUEUE_URL, topic="", pool=pool)
    for receipt in await consumer.receive(limit=2, wait_seconds=0):
        await consumer.nack(receipt, delay_seconds=3600)
        await consumer.ack(receipt)
    await consumer.close()
    async with connection(pool) as borrowed:
        await Outbox(borrowed).delete_published([(delivery.tenant_id, delivery.delivery_id, 0)])


async def test_no_statement_scans_the_outbox_when_it_has_grown(database_url: str) -> None:
    """Plans made on the empty outbox still serve when Kafka was away and thousands wait."""
    owner = await asyncpg.connect(database_url)
    await owner.execute("vacuum analyze postern.outbox")
    pool = await create_pool(database_url, role=SYSTEM_ROLE, application_name="plan-tests", size=1)
    for _ in range(8):  # from the sixth use on the server may keep a plan
        await use_every_statement(pool)
    backlog = [make_delivery(ordering_key="key") for _ in range(1000)]
    await record_in_outbox(pool, *backlog, due_in_seconds=3600)
    await pool.execute(_FLUSH_STATISTICS)
    before = await owner.fetchval(_ROWS_READ_BY_SCANS)
    for _ in range(3):
        await use_every_statement(pool)
    await pool.execute(_FLUSH_STATISTICS)
    assert await owner.fetchval(_ROWS_READ_BY_SCANS) == before
    await pool.close()
    await owner.close()


async def _relay(pool: Pool) -> int:
    """Claim some rows as a relay does and clear them away; return how many there were."""
    claims = RunClaims()
    async with connection(pool) as borrowed:
        rows = await claims.claim(borrowed, _CLAIMED, 60.0, ())
        await Outbox(borrowed).delete_published(
            [(row["tenant_id"], row["delivery_id"], row["attempt"]) for row in rows]
        )
        await borrowed.execute(_FLUSH_STATISTICS)
    return len(rows)


async def test_a_relay_reads_what_it_takes_and_not_the_backlog(database_url: str) -> None:
    """A plan for any arguments looks each claimed row up, also where it knows of the backlog."""
    owner = await asyncpg.connect(database_url)
    pool = await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="plan-tests", size=1, keeps_plans=True
    )
    plain = [make_delivery() for _ in range(_BACKLOG // 2)]
    ordered = [make_delivery(ordering_key=f"key-{n % 50}") for n in range(_BACKLOG // 2)]
    await record_in_outbox(pool, *plain, *ordered, due_in_seconds=0)
    await owner.execute("vacuum analyze postern.outbox")
    before = await owner.fetchval(_ENTRIES_READ)
    assert await _relay(pool) > 0
    read = await owner.fetchval(_ENTRIES_READ) - before
    assert read < _BACKLOG
    await pool.close()
    await owner.close()
