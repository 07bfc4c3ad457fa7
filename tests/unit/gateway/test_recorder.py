"""Batches: how they fill, end and fail."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from gateway.recorder import Batch, Recorder
from shared.domain.identifiers import uuid7
from shared.errors import DatabaseUnavailable
from shared.ledger.recording import AcceptedRow, Origin
from tests.unit.gateway.ledger import PickyConnection, ScriptedLedger

_ORIGIN = Origin(uuid7(), uuid7(), 1, None, "POST", "/api/inbound/a/b", "192.0.2.1", 60)
_POISON = b"poison"


def _row(body: bytes = b"{}") -> AcceptedRow:
    return AcceptedRow(uuid7(), _ORIGIN, 1_800_000_000_000, b"", body, None, None)


def _nobody(_: Sequence[AcceptedRow]) -> None:
    """Take what was committed."""


def _soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


@asynccontextmanager
async def _recording(
    connection: PickyConnection, committed: Callable[[Sequence[AcceptedRow]], None] = _nobody
) -> AsyncIterator[Recorder]:
    recorder = Recorder(
        [ScriptedLedger(connection)], committed, outbox_delay_seconds=0.0, max_batch_rows=4
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(recorder.run())
        yield recorder
        running.cancel()


async def _answers(recorder: Recorder, rows: Sequence[AcceptedRow]) -> list[bool]:
    batches = [recorder.submit(row, deadline=_soon()) for row in rows]
    for batch in batches:
        await batch.done
    return [batch.is_recorded(row.delivery_id) for batch, row in zip(batches, rows, strict=True)]


async def test_submit_when_many_come_at_once() -> None:
    """They share statements of at most so many rows, and what was committed is handed on."""
    connection = PickyConnection(lambda _: None)
    handed_on: list[AcceptedRow] = []
    rows = [_row() for _ in range(10)]
    async with _recording(connection, handed_on.extend) as recorder:
        assert await _answers(recorder, rows) == [True] * 10
        assert recorder.is_idle
    assert [len(statement[0]) for statement in connection.statements] == [4, 4, 2]
    assert handed_on == rows


async def test_submit_when_bodies_are_large() -> None:
    """A large body fills its batch, so that those behind it do not wait for its megabytes."""
    connection = PickyConnection(lambda _: None)
    rows = [_row(), _row(b"x" * 2_000_000), _row(), _row()]
    async with _recording(connection) as recorder:
        await _answers(recorder, rows)
    assert [len(statement[0]) for statement in connection.statements] == [2, 2]


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CharacterNotInRepertoireError("22021"),
        asyncpg.CheckViolationError("23514"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        OverflowError("value out of int64 range"),
        ValueError("odd"),
        RuntimeError("odder"),
    ],
)
async def test_write_when_one_row_is_refused(error: Exception) -> None:
    """Whatever is wrong with a row, those that came with it are recorded and the loop goes on."""

    def refuses(columns: Sequence[Any]) -> Exception | None:
        # The look for what is recorded already has ids alone.
        return error if len(columns) > 4 and _POISON in columns[4] else None

    connection = PickyConnection(refuses)
    rows = [_row(), _row(_POISON), _row()]
    async with _recording(connection) as recorder:
        assert await _answers(recorder, rows) == [True, False, True]
        assert await _answers(recorder, [_row()]) == [True]


async def test_write_when_handing_on_fails() -> None:
    """A fault after the commit ends neither the loop nor anyone's answer."""

    def fail(_: Sequence[AcceptedRow]) -> None:
        raise RuntimeError("odd")

    async with _recording(PickyConnection(lambda _: None), fail) as recorder:
        await _answers(recorder, [_row()])
        await _answers(recorder, [_row()])
        assert recorder.is_idle


async def test_write_when_ledger_comes_back_in_time() -> None:
    """After an unknown outcome what is missing is looked up and recorded, until the deadline."""
    # The first try, a look that fails, a look that shows nothing, the recording.
    faults = [DatabaseUnavailable("away"), DatabaseUnavailable("away"), None, None]
    connection = PickyConnection(lambda _: faults.pop(0))
    async with _recording(connection) as recorder:
        assert await _answers(recorder, [_row()]) == [True]
    assert faults == []


async def test_write_when_ledger_stays_away() -> None:
    """At the deadline the requests have their answer, without a commit."""
    connection = PickyConnection(lambda _: DatabaseUnavailable("away"))
    async with _recording(connection) as recorder:
        row = _row()
        batch = recorder.submit(row, deadline=_soon(0.05))
        await batch.done
        assert not batch.is_recorded(row.delivery_id)


async def test_submit_when_last_batch_has_been_answered() -> None:
    """A request does not join those that were given up before it came."""
    recorder = Recorder([], _nobody, outbox_delay_seconds=0.0, max_batch_rows=4)
    first = recorder.submit(_row(), deadline=_soon(-1.0))
    await first.done
    second = recorder.submit(_row(), deadline=_soon())
    assert second is not first
    assert not second.done.done()
    second.finish()


async def test_submit_when_a_later_request_is_due_earlier() -> None:
    """A batch answers by the earliest deadline in it."""
    recorder = Recorder([], _nobody, outbox_delay_seconds=0.0, max_batch_rows=4)
    batch = recorder.submit(_row(), deadline=_soon(60))
    assert recorder.submit(_row(), deadline=_soon(0.01)) is batch
    async with asyncio.timeout(5):
        await batch.done
    assert recorder.submit(_row(), deadline=_soon()) is not batch


async def test_finish_when_called_twice() -> None:
    """The time-out and the commit may both come."""
    batch = Batch(asyncio.get_running_loop(), _soon())
    batch.finish()
    batch.finish()
    assert batch.done.done()
    assert not batch.is_recorded(uuid7())
