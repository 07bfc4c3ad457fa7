"""One tenant's backlog stands in front of nobody, and is still worked off."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from uuid import UUID

import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import TenantId, uuid7
from shared.queue.connect import POSTGRES_QUEUE_URL, connect_consumer, connect_outbox
from shared.queue.port import Consumer
from tests.contract.ledger import make_delivery, record_in_outbox
from tests.contract.queue_contract import delivery_of


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    async with await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="fairness-tests", size=2
    ) as opened:
        yield opened


def _deliveries(count: int, tenant: UUID) -> list[QueuedDelivery]:
    return [replace(make_delivery(), tenant_id=TenantId(tenant)) for _ in range(count)]


async def _take(consumer: Consumer, limit: int) -> list[UUID]:
    """Receive and finish a batch; return the tenant of each delivery."""
    receipts = await consumer.receive(limit=limit, wait_seconds=0)
    for receipt in receipts:
        await consumer.ack(receipt)
    return [delivery_of(receipt).tenant_id for receipt in receipts]


async def _take_all(consumer: Consumer, limit: int) -> Iterable[UUID]:
    taken: list[UUID] = []
    empty = 0
    while empty < 3:
        batch = await _take(consumer, limit)
        taken += batch
        empty = 0 if batch else empty + 1
    return taken


@pytest.mark.parametrize("limit", [1, 7, 20])
async def test_a_backlog_of_one_tenant_delays_no_other(pool: Pool, limit: int) -> None:
    """Behind 300 older rows of one tenant, ten tenants' rows come within a few batches."""
    noisy, calm = uuid7(), [uuid7() for _ in range(10)]
    await record_in_outbox(pool, *_deliveries(300, noisy))
    await record_in_outbox(pool, *(d for tenant in calm for d in _deliveries(2, tenant)))
    consumer = connect_consumer(POSTGRES_QUEUE_URL, topic="", pool=pool)
    taken: list[UUID] = []
    while len(taken) < 60:
        taken += await _take(consumer, limit)
    assert Counter(taken[:60]).keys() == {noisy, *calm}
    assert all(Counter(taken)[tenant] == 2 for tenant in calm)
    assert Counter([*taken, *await _take_all(consumer, limit)])[noisy] == 300
    await consumer.close()


async def test_a_relay_is_as_fair(pool: Pool) -> None:
    """What relays send on comes from every tenant as well."""
    noisy, calm = uuid7(), uuid7()
    await record_in_outbox(pool, *_deliveries(300, noisy), *_deliveries(5, calm))
    outbox = connect_outbox(pool)
    assert calm in [*await _take(outbox, 20), *await _take(outbox, 20)]
    assert len(list(await _take_all(outbox, 20))) >= 260
    await outbox.close()


async def test_more_tenants_than_one_look_goes_through(pool: Pool) -> None:
    """Hundreds of tenants whose rows are due later do not hide the due row of the last one."""
    later = [replace(make_delivery(), tenant_id=TenantId(UUID(int=n))) for n in range(1, 600)]
    await record_in_outbox(pool, *later, due_in_seconds=3600)
    last = UUID(int=2**128 - 1)
    await record_in_outbox(pool, *_deliveries(1, last))
    outbox = connect_outbox(pool)
    receipts = await outbox.receive(limit=10, wait_seconds=5)
    assert [delivery_of(receipt).tenant_id for receipt in receipts] == [last]
    await outbox.close()


async def test_a_tenant_has_a_part_of_what_is_in_hand(pool: Pool) -> None:
    """With three quarters in the hands of one tenant, the rest is kept for others."""
    noisy, calm = uuid7(), uuid7()
    await record_in_outbox(pool, *_deliveries(50, noisy))
    consumer = connect_consumer(POSTGRES_QUEUE_URL, topic="", pool=pool, concurrency=8)
    in_hand = list(await consumer.receive(limit=6, wait_seconds=0))
    assert await consumer.receive(limit=2, wait_seconds=0.1) == ()
    await record_in_outbox(pool, *_deliveries(1, calm))
    (receipt,) = await consumer.receive(limit=2, wait_seconds=1)
    assert delivery_of(receipt).tenant_id == calm
    await consumer.ack(in_hand[0])
    (receipt,) = await consumer.receive(limit=2, wait_seconds=1)
    assert delivery_of(receipt).tenant_id == noisy
    await consumer.close()
