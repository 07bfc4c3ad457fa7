"""Publishing after commit: whatever fails, the rows stay for the relay and the loop goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.publisher import Publisher
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import uuid7
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.ledger.recording import AcceptedRow, Origin
from tests.unit.gateway.ledger import PickyConnection, ScriptedLedger

_ORIGIN = Origin(uuid7(), uuid7(), 1, None, "POST", "/api/inbound/a/b", "192.0.2.1", 60)


class _Queue:
    """A queue that fails as it is told, and keeps what it takes."""

    reads_outbox = False

    def __init__(self, *faults: Exception) -> None:
        self._faults = list(faults)
        self.sent: list[QueuedDelivery] = []
        self.asked_count = 0

    async def send(self, deliveries: Sequence[QueuedDelivery]) -> None:
        self.asked_count += 1
        if self._faults:
            raise self._faults.pop(0)
        self.sent += deliveries

    async def close(self) -> None:
        """Let go."""


def _row() -> AcceptedRow:
    return AcceptedRow(uuid7(), _ORIGIN, 1_800_000_000_000, b"a: b\r\n", b"{}", "k", None)


@asynccontextmanager
async def _publishing(queue: _Queue, connection: PickyConnection) -> AsyncIterator[Publisher]:
    publisher = Publisher(queue, ScriptedLedger(connection))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(publisher.run())
        yield publisher
        running.cancel()


async def _until_idle(publisher: Publisher) -> None:
    async with asyncio.timeout(5):
        while not publisher.is_idle:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)


async def test_committed_when_queue_is_well() -> None:
    """Deliveries are sent with what the ledger keeps of them, then cleared from the outbox."""
    queue, connection = _Queue(), PickyConnection(lambda _: None)
    async with _publishing(queue, connection) as publisher:
        rows = [_row(), _row()]
        publisher.committed(rows)
        await _until_idle(publisher)
    assert [sent.delivery_id for sent in queue.sent] == [row.delivery_id for row in rows]
    (sent, _) = queue.sent
    assert (sent.body, sent.headers, sent.attempt) == (b"{}", b"a: b\r\n", 0)
    assert sent.received_at.timestamp() == 1_800_000_000
    assert len(connection.statements) == 1
    assert publisher.fault is None


@pytest.mark.parametrize("error", [QueueUnavailable("away"), RuntimeError("odd"), KeyError("x")])
async def test_send_when_queue_fails(error: Exception) -> None:
    """Nothing is cleared; for a moment new deliveries go to the relay without another try."""
    queue, connection = _Queue(error), PickyConnection(lambda _: None)
    async with _publishing(queue, connection) as publisher:
        publisher.committed([_row()])
        await _until_idle(publisher)
        assert publisher.fault
        publisher.committed([_row()])
        assert publisher.is_idle
    assert connection.statements == []
    assert queue.asked_count == 1


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), RuntimeError("odd")])
async def test_clear_when_ledger_fails(error: Exception) -> None:
    """What could not be cleared is left to the relay, and publishing goes on."""
    faults = [error, None]
    queue, connection = _Queue(), PickyConnection(lambda _: faults.pop(0))
    async with _publishing(queue, connection) as publisher:
        for _ in range(2):
            publisher.committed([_row()])
            await _until_idle(publisher)
    assert len(queue.sent) == 2
    assert len(connection.statements) == 1


@pytest.mark.parametrize(("size_bytes", "most"), [(2, 21_000), (1_000_000, 1_100)])
async def test_committed_when_too_much_waits(size_bytes: int, most: int) -> None:
    """What waits in memory is bounded, by rows and by bytes; the rest is the relay's."""
    publisher = Publisher(_Queue(), ScriptedLedger(PickyConnection(lambda _: None)))
    row = _row()._replace(body=b"x" * size_bytes)
    for _ in range(100):
        publisher.committed([row] * 1000)
    assert len(publisher._waiting) <= most
