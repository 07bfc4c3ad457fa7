"""Statements that ride along with BEGIN and COMMIT, on a real server."""

from collections.abc import AsyncIterator
from typing import LiteralString
from uuid import UUID

import asyncpg
import pytest

from shared.database.pool import (
    TENANT_ROLE,
    Pool,
    connection,
    create_pool,
    execute_at_commit,
    tenant_transaction,
)
from shared.database.riders import Value
from shared.errors import DatabaseUnavailable

_TENANT = UUID("018f0000-0000-7000-8000-000000000001")
_SHOWN = "select current_setting('postern.tenant_id', true)"
_FAILS = "select 1 / nullif($1::integer, 0) / 0"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of one connection, so that whatever is left on it is met by the next user."""
    opened = await create_pool(
        database_url, role=TENANT_ROLE, application_name="rider-tests", size=1
    )
    yield opened
    await opened.close()


async def _write(url: str) -> None:
    owner = await asyncpg.connect(url)
    await owner.execute("create table postern.written (value text)")
    await owner.execute("grant select, insert on postern.written to postern_tenant")
    await owner.close()


async def _written(url: str) -> list[str]:
    owner = await asyncpg.connect(url)
    rows = await owner.fetch("select value from postern.written")
    await owner.close()
    return [row["value"] for row in rows]


async def _insert(pool: Pool, value: str, *, at_commit: tuple[LiteralString, Value]) -> None:
    async with tenant_transaction(pool, _TENANT) as borrowed:
        await borrowed.execute("insert into postern.written values ($1)", value)
        execute_at_commit(borrowed, *at_commit)


async def _lose_connection(pool: Pool, url: str) -> None:
    owner = await asyncpg.connect(url)
    async with tenant_transaction(pool, _TENANT) as borrowed:
        process = await borrowed.fetchval("select pg_backend_pid()")
        await owner.execute("select pg_terminate_backend($1, 5000)", process)
        await owner.close()
        execute_at_commit(borrowed, "insert into postern.written values ($1)", "lost")


async def _give_up(pool: Pool) -> None:
    async with tenant_transaction(pool, _TENANT) as borrowed:
        execute_at_commit(borrowed, "insert into postern.written values ($1)", "lost")
        raise LookupError


async def test_the_tenant_is_named_before_the_first_statement_and_for_no_longer(
    pool: Pool,
) -> None:
    """The transaction sees its tenant from the start; the connection has forgotten it after."""
    async with tenant_transaction(pool, _TENANT) as borrowed:
        assert await borrowed.fetchval(_SHOWN) == str(_TENANT)
    async with connection(pool) as borrowed:
        assert not await borrowed.fetchval(_SHOWN)


async def test_a_statement_at_commit_is_committed_with_the_rest(
    pool: Pool, database_url: str
) -> None:
    """Both rows are there, whatever the text contains."""
    await _write(database_url)
    strange = "it's; $1 \\ ünd 'drop'"
    async with tenant_transaction(pool, _TENANT) as borrowed:
        await borrowed.execute("insert into postern.written values ('first')")
        execute_at_commit(borrowed, "insert into postern.written values ($1)", strange)
    assert await _written(database_url) == ["first", strange]


async def test_a_savepoint_inside_takes_no_rider_along(pool: Pool, database_url: str) -> None:
    """Actions may use savepoints; what rides on COMMIT waits for COMMIT."""
    await _write(database_url)
    async with tenant_transaction(pool, _TENANT) as borrowed:
        async with borrowed.transaction():
            await borrowed.execute("insert into postern.written values ('inner')")
        execute_at_commit(borrowed, "insert into postern.written values ($1)", "last")
    assert await _written(database_url) == ["inner", "last"]


async def test_a_failing_statement_at_commit_rolls_everything_back(
    pool: Pool, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is committed, the fault is told, and the connection serves the next one."""
    await _write(database_url)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await _insert(pool, "first", at_commit=(_FAILS, 1))
    assert await _written(database_url) == []
    async with tenant_transaction(pool, _TENANT) as borrowed:
        await borrowed.execute("insert into postern.written values ('second')")
    assert await _written(database_url) == ["second"]
    assert not caplog.records


async def test_a_transaction_that_is_rolled_back_forgets_its_rider(
    pool: Pool, database_url: str
) -> None:
    """What was meant to be sent with its COMMIT is not sent with the next one's."""
    await _write(database_url)
    with pytest.raises(LookupError):
        await _give_up(pool)
    async with tenant_transaction(pool, _TENANT) as borrowed:
        await borrowed.execute("insert into postern.written values ('kept')")
    assert await _written(database_url) == ["kept"]


async def test_a_connection_lost_at_commit_is_an_unknown_outcome(
    pool: Pool, database_url: str
) -> None:
    """A commit that is cut off is told as an outage, and the pool has a connection again."""
    await _write(database_url)
    with pytest.raises(DatabaseUnavailable):
        await _lose_connection(pool, database_url)
    await _insert(pool, "kept", at_commit=("select $1::text", "nothing"))
    assert await _written(database_url) == ["kept"]
