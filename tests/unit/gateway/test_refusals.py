"""Refused requests: capped, bounded in memory, recorded off the path."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.refusals import Refusals
from shared.domain.identifiers import uuid7
from shared.errors import DatabaseUnavailable
from shared.ledger.recording import RefusedRow
from tests.unit.gateway.ledger import PickyConnection, ScriptedLedger

_TENANT, _WEBHOOK = uuid7(), uuid7()


def _row(
    *, webhook_id: UUID | None = _WEBHOOK, tenant_id: UUID = _TENANT, body: bytes | None = None
) -> RefusedRow:
    return RefusedRow(
        tenant_id=tenant_id,
        delivery_id=uuid7(),
        webhook_id=webhook_id,
        webhook_version=1,
        received_ms=1_800_000_000_000,
        method="POST",
        path="/api/inbound/a/b",
        headers=b"",
        body=body,
        source_address="192.0.2.1",
        auth_status="rejected_signature",
        response_status=401,
        outcome="{}",
    )


def _refusals(
    connection: PickyConnection | None = None, *, per_minute: int = 0, burst: int = 1000
) -> Refusals:
    writer = ScriptedLedger(connection or PickyConnection(lambda _: None))
    return Refusals(writer, per_minute=per_minute, burst=burst)


@asynccontextmanager
async def _running(refusals: Refusals) -> AsyncIterator[Refusals]:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(refusals.run())
        yield refusals
        running.cancel()


def _soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def test_submit_when_cap_is_reached() -> None:
    """Each webhook has its own burst, and unknown paths of a tenant share one."""
    refusals = _refusals(burst=3)
    assert [refusals.submit(_row()) for _ in range(5)] == [True] * 3 + [False] * 2
    assert refusals.submit(_row(webhook_id=uuid7()))
    assert [refusals.submit(_row(webhook_id=None)) for _ in range(4)] == [True] * 3 + [False]
    assert refusals.submit(_row(webhook_id=None, tenant_id=uuid7()))


def test_submit_when_cap_refills() -> None:
    """After the burst the rate holds, and never more than a burst gathers."""
    refusals = _refusals(per_minute=60_000_000, burst=2)
    assert all(refusals.submit(_row()) for _ in range(20))
    assert not _refusals(per_minute=60, burst=0).submit(_row())


def test_submit_when_bodies_fill_the_memory() -> None:
    """What waits is bounded in bytes, whatever the cap allows in rows."""
    refusals = _refusals(burst=1000)
    body = b"x" * (10 * 1024 * 1024)
    taken = sum(refusals.submit(_row(body=body)) for _ in range(1000))
    assert 1 <= taken <= 8


async def test_record_when_committed() -> None:
    """Who waits for the record is told of the commit."""
    connection = PickyConnection(lambda _: None)
    async with _running(_refusals(connection)) as refusals:
        recorded = await asyncio.gather(
            *(refusals.record(_row(), deadline=_soon()) for _ in range(5))
        )
        assert recorded == [True] * 5
        assert refusals.is_idle
    assert len(connection.statements) == 1


async def test_record_when_ledger_is_away_or_silent() -> None:
    """The answer comes by the deadline: not recorded."""
    away = PickyConnection(lambda _: DatabaseUnavailable("away"))
    async with _running(_refusals(away)) as refusals:
        assert not await refusals.record(_row(), deadline=_soon())
    refusals = _refusals()  # nobody writes
    assert not await refusals.record(_row(), deadline=_soon(0.01))


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CharacterNotInRepertoireError("22021"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        OverflowError("value out of int64 range"),
        RuntimeError("odd"),
    ],
)
async def test_flush_when_one_row_is_refused(error: Exception) -> None:
    """Whatever is wrong with a row, the others are recorded and the loop goes on."""

    def refuses(columns: Sequence[Any]) -> Exception | None:
        return error if b"poison" in columns[8] else None

    async with _running(_refusals(PickyConnection(refuses))) as refusals:
        bodies = [b"a", b"poison", b"c"]
        recorded = await asyncio.gather(
            *(refusals.record(_row(body=body), deadline=_soon()) for body in bodies)
        )
        assert recorded == [True, False, True]
        assert await refusals.record(_row(), deadline=_soon())


async def test_flush_when_rows_are_large() -> None:
    """One statement carries a few megabytes, not all that waits."""
    connection = PickyConnection(lambda _: None)
    async with _running(_refusals(connection)) as refusals:
        body = b"x" * 3_000_000
        await asyncio.gather(
            *(refusals.record(_row(body=body), deadline=_soon()) for _ in range(6))
        )
    assert [len(statement[0]) for statement in connection.statements] == [2, 2, 2]
