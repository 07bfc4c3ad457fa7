"""The postgres adapter keeps the contract of queues, and its own promises about leases."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.errors import QueueUnavailable
from shared.queue.connect import POSTGRES_QUEUE_URL, connect_consumer, connect_producer
from shared.queue.port import Consumer
from tests.contract.ledger import make_delivery, outbox_attempts, record_in_outbox
from tests.contract.queue_contract import (
    QueueContract,
    QueueUnderTest,
    assert_quiet,
    delivery_of,
    ids_of,
    receive_count,
)

_LEASE_SECONDS = 1.0
_SET_ATTEMPT = "update postern.outbox set attempt = attempt + 1, available_at = now()"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the system role."""
    opened = await create_pool(
        database_url, role=SYSTEM_ROLE, application_name="queue-tests", size=5
    )
    yield opened
    await opened.close()


def _open_consumer(pool: Pool, lease_seconds: float) -> Consumer:
    return connect_consumer(POSTGRES_QUEUE_URL, topic="", pool=pool, lease_seconds=lease_seconds)


class TestPostgresQueue(QueueContract):
    """The contract, and what is particular to leases on outbox rows."""

    @pytest.fixture
    def queue(self, pool: Pool) -> QueueUnderTest:
        """A queue in a database of its own, with leases that outlast a test."""
        return QueueUnderTest(
            pool=pool,
            producer=connect_producer(POSTGRES_QUEUE_URL, topic="", pool=pool),
            open_consumer=lambda: _open_consumer(pool, 60.0),
        )

    def test_workers_read_the_outbox(self, queue: QueueUnderTest) -> None:
        """Gateways may see that rows must stay and need not be sent."""
        assert queue.producer.reads_outbox

    async def test_a_dead_consumers_delivery_comes_again_when_its_lease_ends(
        self, pool: Pool
    ) -> None:
        """A consumer that never comes back loses its delivery to another after the lease."""
        await record_in_outbox(pool, sent := make_delivery())
        await receive_count(_open_consumer(pool, _LEASE_SECONDS), 1)
        successor = _open_consumer(pool, _LEASE_SECONDS)
        assert await successor.receive(limit=1, wait_seconds=0) == ()
        assert ids_of(await receive_count(successor, 1)) == [sent.delivery_id]

    async def test_a_row_due_later_does_not_come_before(self, pool: Pool) -> None:
        """Rows whose time has not come are left alone."""
        await record_in_outbox(pool, make_delivery(), due_in_seconds=60)
        await assert_quiet(_open_consumer(pool, _LEASE_SECONDS))

    async def test_ack_leaves_the_row_of_a_later_attempt(self, pool: Pool) -> None:
        """A worker that wrote the row anew for a retry may acknowledge the old attempt."""
        await record_in_outbox(pool, sent := make_delivery())
        consumer = _open_consumer(pool, 60.0)
        (receipt,) = await receive_count(consumer, 1)
        await pool.execute(_SET_ATTEMPT)
        await consumer.ack(receipt)
        (again,) = await receive_count(consumer, 1)
        assert (delivery_of(again).delivery_id, delivery_of(again).attempt) == (
            sent.delivery_id,
            1,
        )
        await consumer.nack(receipt, delay_seconds=0)
        await assert_quiet(consumer)

    async def test_send_leaves_the_row_of_a_later_attempt(self, queue: QueueUnderTest) -> None:
        """A late send of an old attempt must not bring a retry forward."""
        sent = make_delivery()
        later = make_delivery(attempt=3)
        await record_in_outbox(queue.pool, later, due_in_seconds=60)
        await queue.keep(sent)
        stale = replace(later, attempt=2)
        await queue.producer.send([stale])
        consumer = queue.open_consumer()
        assert ids_of(await receive_count(consumer, 1)) == [sent.delivery_id]
        assert (await outbox_attempts(queue.pool))[later.delivery_id] == 3
        await assert_quiet(consumer)

    async def test_a_row_whose_delivery_is_gone_is_dropped(self, pool: Pool) -> None:
        """An outbox row without its delivery can never be worked: it goes, others come."""
        await record_in_outbox(pool, make_delivery(), kept := make_delivery())
        await pool.execute(
            "delete from postern.deliveries where delivery_id <> $1", kept.delivery_id
        )
        consumer = _open_consumer(pool, 60.0)
        assert ids_of(await receive_count(consumer, 1)) == [kept.delivery_id]
        await assert_quiet(consumer)
        assert list(await outbox_attempts(pool)) == [kept.delivery_id]

    async def test_an_unfinished_head_holds_its_key_back_and_no_other(self, pool: Pool) -> None:
        """The second of a key waits for the first; another key and unordered ones do not."""
        head, second = make_delivery(ordering_key="a"), make_delivery(ordering_key="a")
        others = [make_delivery(ordering_key="b"), make_delivery()]
        await record_in_outbox(pool, head, second, *others)
        consumer = _open_consumer(pool, 60.0)
        receipts = await receive_count(consumer, 3)
        assert ids_of(receipts) == [head.delivery_id, *(d.delivery_id for d in others)]
        await assert_quiet(consumer)
        await consumer.ack(receipts[0])
        assert ids_of(await receive_count(consumer, 1)) == [second.delivery_id]

    async def test_an_outage_is_reported_when_the_database_is_gone(self, pool: Pool) -> None:
        """Every operation says that the queue is unavailable, and nothing else."""
        await record_in_outbox(pool, sent := make_delivery())
        consumer = _open_consumer(pool, 60.0)
        (receipt,) = await receive_count(consumer, 1)
        await consumer.ack(receipt)
        producer = connect_producer(POSTGRES_QUEUE_URL, topic="", pool=pool)
        await pool.close()
        with pytest.raises(QueueUnavailable):
            await consumer.receive(limit=1, wait_seconds=0)
        with pytest.raises(QueueUnavailable):
            await consumer.nack(receipt, delay_seconds=0)
        with pytest.raises(QueueUnavailable):
            await producer.send([sent])
        with pytest.raises(QueueUnavailable):
            await consumer.close()
