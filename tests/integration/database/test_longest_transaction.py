"""Transactions whose program has stopped give their locks back in time."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.database.pool import (
    SYSTEM_ROLE,
    Connection,
    Pool,
    connect,
    connection,
    create_pool,
    transaction,
)
from shared.errors import DatabaseUnavailable

Stop = Callable[[Connection], Awaitable[None]]

_LOCK = "select pg_advisory_xact_lock(1)"
_APPLICATION = "limit-tests"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of one connection, whose transactions take half a second at most."""
    opened = await create_pool(
        database_url,
        role=SYSTEM_ROLE,
        application_name=_APPLICATION,
        size=1,
        longest_transaction_seconds=0.5,
    )
    yield opened
    opened.terminate()


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Connection]:
    """The connection of a program that waits for the lock."""
    opened = await connect(
        database_url,
        role=SYSTEM_ROLE,
        application_name=_APPLICATION,
        settings={"lock_timeout": "5s"},
    )
    yield opened
    await opened.close()


async def _between_statements(_: Connection) -> None:
    """Leave the server in wait for the next statement."""


async def _within_statement(borrowed: Connection) -> None:
    """Leave the server in wait for the rest of a statement, which is not idle to it."""
    await borrowed.prepare("select 1")


async def _lock_and_stop(pool: Pool, stop: Stop, other: Connection, taken: list[str]) -> None:
    async with transaction(pool) as borrowed:
        await borrowed.execute(_LOCK)
        await stop(borrowed)
        taken.append(await other.execute(_LOCK))


@pytest.mark.parametrize("stop", [_between_statements, _within_statement])
async def test_lock_when_its_program_stops(pool: Pool, other: Connection, stop: Stop) -> None:
    """Wherever the program has stopped, the next one gets the lock."""
    taken: list[str] = []
    with pytest.raises(DatabaseUnavailable):
        await _lock_and_stop(pool, stop, other, taken)
    assert taken == ["SELECT 1"]
    async with transaction(pool) as borrowed:
        await borrowed.execute(_LOCK)


async def _sleep(pool: Pool) -> None:
    async with connection(pool) as borrowed:
        await borrowed.execute("select pg_sleep(20)")


async def test_statement_that_outlasts_its_transaction(pool: Pool) -> None:
    """It may succeed at another time."""
    with pytest.raises(DatabaseUnavailable, match="transaction timeout"):
        await _sleep(pool)
