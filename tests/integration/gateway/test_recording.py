"""The recorder over a real ledger: rows that it refuses, and commits whose answer was lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

import pytest

from gateway.ledger_connection import LedgerConnection
from gateway.recorder import Recorder
from shared.clock import unix_ms
from shared.database.pool import SYSTEM_ROLE, DirectConnection, connect
from shared.domain.identifiers import uuid7
from shared.errors import DatabaseUnavailable
from shared.ledger.recording import AcceptedRow, Origin
from tests.integration.gateway.world import Ledger

T = TypeVar("T")


class _Forgetful(LedgerConnection):
    """Loses the answers of its first operations after they have taken effect."""

    losses = 0

    async def run(
        self, operation: Callable[[DirectConnection], Awaitable[T]], *, deadline: float
    ) -> T:
        result = await super().run(operation, deadline=deadline)
        if self.losses > 0:
            self.losses -= 1
            raise DatabaseUnavailable("the answer was lost")
        return result


@asynccontextmanager
async def _recording(
    ledger: Ledger, committed: Callable[[Sequence[AcceptedRow]], None], *, losses: int = 0
) -> AsyncIterator[Recorder]:
    async def open_connection() -> DirectConnection:
        return await connect(ledger.database_url, role=SYSTEM_ROLE, application_name="recording")

    writer = _Forgetful(open_connection, name="record")
    writer.losses = losses
    recorder = Recorder([writer], committed, outbox_delay_seconds=0.0, max_batch_rows=100)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(recorder.run())
        yield recorder
        running.cancel()
    writer.terminate()


def _origin(ledger: Ledger, webhook_id: UUID, **changes: Any) -> Origin:
    origin = Origin(
        tenant_id=ledger.tenant_id,
        webhook_id=webhook_id,
        webhook_version=1,
        secret_id=None,
        method="POST",
        path="/api/inbound/acme/x",
        source_address="192.0.2.1",
        idempotency_window_seconds=3600,
    )
    return replace(origin, **changes)


def _row(origin: Origin, key: str | None = None, **changes: Any) -> AcceptedRow:
    row = AcceptedRow(uuid7(), origin, unix_ms(), b"a: b\r\n", b"{}", key, None)
    return row._replace(**changes)


async def _record(recorder: Recorder, rows: Sequence[AcceptedRow]) -> list[UUID | None]:
    """Record rows; return for each the id that is answered, None for 503."""
    deadline = asyncio.get_running_loop().time() + 10
    batches = [recorder.submit(row, deadline=deadline) for row in rows]
    for batch in batches:
        await batch.done
    return [
        batch.duplicate_of.get(row.delivery_id, row.delivery_id)
        if batch.is_recorded(row.delivery_id)
        else None
        for row, batch in zip(rows, batches, strict=True)
    ]


@pytest.mark.parametrize("poison", ["time", "surrogate", "nul", "window", "number"])
async def test_batch_when_one_row_cannot_be_recorded(ledger: Ledger, poison: str) -> None:
    """Refused by the server or by the driver: the rows beside it are recorded, keys and all."""
    webhook_id = await ledger.insert_webhook()
    origin = _origin(ledger, webhook_id)
    bad = {
        "time": _row(origin, received_ms=10**18),
        "surrogate": _row(origin, "\ud800"),
        "nul": _row(origin, "a\0b"),
        "window": _row(_origin(ledger, webhook_id, idempotency_window_seconds=2**40), "k"),
        "number": _row(origin, received_ms=2**70),
    }[poison]
    good = [_row(origin, f"key-{number}") for number in range(5)]
    committed: list[AcceptedRow] = []
    async with _recording(ledger, committed.extend) as recorder:
        answers = await _record(recorder, [*good[:3], bad, *good[3:]])
        assert answers == [row.delivery_id for row in good[:3]] + [None] + [
            row.delivery_id for row in good[3:]
        ]
        # The recorder goes on.
        assert await _record(recorder, [_row(origin)]) != [None]
    assert await ledger.count("deliveries") == 6
    assert await ledger.count("outbox") == 6
    assert await ledger.count("idempotency_keys") == 5
    assert [row.delivery_id for row in committed[:5]] == [row.delivery_id for row in good]


@pytest.mark.parametrize("losses", [1, 2, 3])
async def test_batch_when_answer_of_commit_was_lost(ledger: Ledger, losses: int) -> None:
    """Sent again, nothing is recorded twice, and duplicates are told the same first delivery."""
    webhook_id = await ledger.insert_webhook()
    origin = _origin(ledger, webhook_id)
    first = _row(origin, "held")
    rows = [
        _row(origin),
        _row(origin, "fresh"),
        _row(origin, "held"),
        _row(origin, "fresh"),
        _row(origin, None),
    ]
    committed: list[AcceptedRow] = []
    async with _recording(ledger, committed.extend) as recorder:
        await _record(recorder, [first])
    async with _recording(ledger, committed.extend, losses=losses) as recorder:
        answers = await _record(recorder, rows)
    assert answers[0] == rows[0].delivery_id
    assert answers[1] == answers[3]
    assert answers[1] in {rows[1].delivery_id, rows[3].delivery_id}
    assert answers[2] == first.delivery_id
    assert answers[4] == rows[4].delivery_id
    assert await ledger.count("deliveries") == 6
    assert await ledger.count("deliveries", "dispatch_status = 'duplicate'") == 2
    assert await ledger.count("outbox") == 4
    handed_on = [row.delivery_id for row in committed]
    assert sorted(handed_on) == sorted({first.delivery_id, answers[0], answers[1], answers[4]})


async def test_batch_when_first_delivery_is_done_before_the_second_try(ledger: Ledger) -> None:
    """A delivery that a worker has finished meanwhile is not queued again."""
    webhook_id = await ledger.insert_webhook()
    row = _row(_origin(ledger, webhook_id), "key")

    class _Overtaken(_Forgetful):
        async def run(
            self, operation: Callable[[DirectConnection], Awaitable[T]], *, deadline: float
        ) -> T:
            try:
                return await super().run(operation, deadline=deadline)
            except DatabaseUnavailable:
                # What a worker does with a delivery that fails: close it, free its key.
                await ledger.pool.execute(
                    "with done as (update postern.deliveries set dispatch_status = 'failed'),"
                    " freed as (delete from postern.idempotency_keys)"
                    " delete from postern.outbox"
                )
                raise

    async def open_connection() -> DirectConnection:
        return await connect(ledger.database_url, role=SYSTEM_ROLE, application_name="recording")

    writer = _Overtaken(open_connection, name="record")
    writer.losses = 1
    recorder = Recorder([writer], lambda _: None, outbox_delay_seconds=0.0, max_batch_rows=9)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(recorder.run())
        assert await _record(recorder, [row]) == [row.delivery_id]
        running.cancel()
    writer.terminate()
    assert await ledger.count("outbox") == 0
    assert await ledger.count("idempotency_keys") == 0, "a failed delivery frees its key"


async def test_batches_when_writers_share_keys(ledger: Ledger) -> None:
    """Batches with the same keys in any order neither deadlock nor disagree."""
    webhook_id = await ledger.insert_webhook()
    origin = _origin(ledger, webhook_id)
    keys = [f"key-{number}" for number in range(40)]
    async with (
        _recording(ledger, lambda _: None) as one,
        _recording(ledger, lambda _: None) as other,
    ):
        answers: dict[str, set[UUID | None]] = {key: set() for key in keys}
        for _ in range(10):
            ahead = [_row(origin, key) for key in keys]
            back = [_row(origin, key) for key in reversed(keys)]
            found = await asyncio.gather(_record(one, ahead), _record(other, back))
            for row, answered in zip([*ahead, *back], [*found[0], *found[1]], strict=True):
                assert row.idempotency_key is not None
                answers[row.idempotency_key].add(answered)
    assert all(len(found) == 1 and None not in found for found in answers.values())
    assert await ledger.count("outbox") == len(keys)
