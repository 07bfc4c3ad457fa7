"""Gateways clear the outbox of what they have published, and of nothing else."""

from collections.abc import AsyncIterator

import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, connection, create_pool
from shared.ledger.outbox import Outbox
from tests.contract.ledger import make_delivery, outbox_attempts, record_in_outbox


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    opened = await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="outbox-tests", size=2
    )
    yield opened
    await opened.close()


async def test_delete_published_deletes_the_named_attempts_only(pool: Pool) -> None:
    """A row of another attempt, or of another delivery, stays; a row that is gone is no fault."""
    gone, published, retried, other = (make_delivery(attempt=n) for n in (0, 0, 1, 0))
    await record_in_outbox(pool, published, retried, other)
    async with connection(pool) as borrowed:
        await Outbox(borrowed).delete_published(
            [(d.tenant_id, d.delivery_id, 0) for d in (gone, published, retried)]
        )
    assert await outbox_attempts(pool) == {retried.delivery_id: 1, other.delivery_id: 0}


async def test_delete_published_of_nothing_is_no_fault(pool: Pool) -> None:
    """An empty batch deletes nothing."""
    await record_in_outbox(pool, kept := make_delivery())
    async with connection(pool) as borrowed:
        await Outbox(borrowed).delete_published([])
    assert list(await outbox_attempts(pool)) == [kept.delivery_id]
