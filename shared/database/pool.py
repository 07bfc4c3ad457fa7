"""Connection pools with every wait bounded, and the one translation of driver errors."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, LiteralString, cast
from uuid import UUID

import asyncpg

from shared.database.queries import Queries
from shared.database.riders import RiderConnection, Value
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    DirectConnection = asyncpg.Connection[asyncpg.Record]
    Connection = DirectConnection | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    DirectConnection = asyncpg.Connection
    Connection = asyncpg.Connection

#: Sees one tenant at a time, named by ``tenant_transaction``.
TENANT_ROLE = "postern_tenant"
#: Sees tenants, may add keys to them, and sees nothing else of theirs.
OPERATOR_ROLE = "postern_operator"
#: Serves all tenants at once.
SYSTEM_ROLE = "postern_system"

_QUERIES = Queries(__package__, "pool.sql")

_COMMAND_TIMEOUT_SECONDS = 10.0
LONGEST_TRANSACTION_SECONDS = 30.0
_IDLE_LIMIT = "idle_in_transaction_session_timeout"
#: A plan made while its tables were nearly empty may be a bad one for what they grow into, and the
#: server plans anew only when it has analysed them, a minute later.
_PLANS_KEPT_SECONDS = 10.0

_KEPT_PLANS = {
    # Else PostgreSQL plans anew whatever touches deliveries: a plan for arguments that it knows
    # leaves out the other days' partitions and looks cheaper by more than planning.
    "plan_cache_mode": "force_generic_plan",
    # A plan for any arguments takes a limit for a tenth of the table, and reads all of a backlog
    # to join it with the few rows of a claim. Loops over look-ups by key are right for each.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # Such a scan comes by every dead entry of the index again; an index scan marks it once.
    "enable_bitmapscan": "off",
}

#: Classes of SQLSTATE after which the same statement may succeed: connection, resources, shutdown,
#: serialization, deadlock, lock time-out, failover to a read-only server, time limits of
#: transactions.
#: Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT_SQLSTATES = ("08", "53", "57", "40001", "40P01", "55P03", "25006", "25P03", "25P04")

#: What the driver raises when the connection, not the statement, is at fault.
CONNECTION_ERRORS = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


async def create_pool(
    dsn: str,
    *,
    role: str,
    application_name: str,
    size: int,
    keeps_plans: bool = False,
    longest_transaction_seconds: float = LONGEST_TRANSACTION_SECONDS,
) -> Pool:
    """Open a pool whose connections act as ``role``.

    Connections are made lazily, so that a program can start while PostgreSQL is away. With
    ``keeps_plans`` a connection plans each statement once in 10 s, whatever its arguments: for a
    program whose statements all find their rows by key. A transaction is rolled back, with its
    connection, after ``longest_transaction_seconds``, at whatever its program was stopped or cut
    off; servers before PostgreSQL 17 do so only where it was between two statements.
    """
    limit = f"{longest_transaction_seconds * 1000:.0f}ms"
    settings = _server_settings(role, application_name) | {_IDLE_LIMIT: limit}
    if keeps_plans:
        settings |= _KEPT_PLANS

    async def limit_transactions(opened: Connection) -> None:
        # To the server a program that prepares a statement is not idle, however long it takes.
        await opened.execute(_QUERIES["limit_transactions"], limit)

    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        timeout=3,
        command_timeout=_COMMAND_TIMEOUT_SECONDS,
        max_inactive_connection_lifetime=60,
        init=limit_transactions,
        setup=_forget_old_plans if keeps_plans else None,
        reset=_leave_as_is,
        connection_class=RiderConnection,
        server_settings=settings,
    )


async def _forget_old_plans(borrowed: Connection) -> None:
    if _rider_connection(borrowed).has_plans_of(_PLANS_KEPT_SECONDS):
        await borrowed.execute(_QUERIES["forget_plans"])


async def _leave_as_is(_: Connection) -> None:
    """Save the reset statement that every release would send.

    All state that these programs set is local to a transaction, and asyncpg has rolled back an
    open one before it comes here.
    """


async def connect(
    dsn: str,
    *,
    role: str,
    application_name: str,
    timeout_seconds: float = 3.0,
    settings: Mapping[str, str] | None = None,
) -> DirectConnection:
    """Open one connection that acts as ``role``, for a loop that keeps it."""
    return await asyncpg.connect(
        dsn,
        timeout=timeout_seconds,
        server_settings=_server_settings(role, application_name) | dict(settings or {}),
    )


def _server_settings(role: str, application_name: str) -> dict[str, str]:
    return {
        "role": role,
        "application_name": application_name,
        "jit": "off",  # compiling costs more than any of these statements
        # Every statement has its index. A plan made while the outbox was empty would read it all,
        # and be kept while it grows by a million rows in an outage.
        "enable_seqscan": "off",
        # A stopped or cut-off program must not hold row locks for ever.
        _IDLE_LIMIT: f"{LONGEST_TRANSACTION_SECONDS:g}s",
    }


def is_transient(error: asyncpg.PostgresError) -> bool:
    """Tell whether the same statement may succeed later."""
    return (error.sqlstate or "").startswith(_TRANSIENT_SQLSTATES)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn driver errors that may pass into ``DatabaseUnavailable``; the cause is kept."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if is_transient(error):
            raise DatabaseUnavailable(f"PostgreSQL: {error}") from error
        raise
    except CONNECTION_ERRORS as error:
        if isinstance(error, ValueError):
            raise  # an argument that the driver cannot encode: no other try will help
        raise DatabaseUnavailable(f"PostgreSQL: {type(error).__name__}: {error}") from error


@asynccontextmanager
async def connection(pool: Pool, *, timeout_seconds: float = 3.0) -> AsyncIterator[Connection]:
    """Borrow a connection.

    Raises:
        DatabaseUnavailable: None could be had in time, or it failed in use.
    """
    with translated_errors():
        async with pool.acquire(timeout=timeout_seconds) as borrowed:
            yield borrowed


@asynccontextmanager
async def transaction(pool: Pool, *, timeout_seconds: float = 3.0) -> AsyncIterator[Connection]:
    """Borrow a connection inside a transaction: committed at the end, rolled back on any error.

    Raises:
        DatabaseUnavailable: The outcome of a commit in flight is then unknown.
    """
    async with (
        connection(pool, timeout_seconds=timeout_seconds) as borrowed,
        borrowed.transaction(),
    ):
        yield borrowed


@asynccontextmanager
async def tenant_transaction(
    pool: Pool,
    tenant_id: UUID,
    *,
    timeout_seconds: float = 3.0,
    first: tuple[LiteralString, *tuple[Value, ...]] | None = None,
) -> AsyncIterator[Connection]:
    """Like ``transaction``, on a pool of the tenant role, seeing this tenant's rows alone.

    ``first`` is a query with its values that is sent along with BEGIN; what it returns is lost.
    """
    async with connection(pool, timeout_seconds=timeout_seconds) as borrowed:
        rider_connection = _rider_connection(borrowed)
        rider_connection.ride(_QUERIES["enter_tenant"], str(tenant_id))
        if first is not None:
            rider_connection.ride(*first)
        async with borrowed.transaction():
            yield borrowed


def reading_transaction(pool: Pool, tenant_id: UUID) -> AbstractAsyncContextManager[Connection]:
    """Like ``tenant_transaction``, and PostgreSQL refuses every write in it."""
    return tenant_transaction(pool, tenant_id, first=(_QUERIES["read_only"],))


def execute_at_commit(connection: Connection, query: LiteralString, *values: Value) -> None:
    """Have a query sent along with the COMMIT that ends a ``tenant_transaction``.

    Nothing else may be executed in between. Where the query fails, the transaction does.
    """
    _rider_connection(connection).ride(query, *values)


def _rider_connection(borrowed: Connection) -> RiderConnection:
    # The pool's proxies pass on what they do not know.
    return cast("RiderConnection", borrowed)


async def database_fault(pool: Pool, *, timeout_seconds: float = 1.0) -> str | None:
    """Return why PostgreSQL does not answer, or None when it does."""
    try:
        async with connection(pool, timeout_seconds=timeout_seconds) as borrowed:
            await borrowed.fetchval(_QUERIES["ping"], timeout=timeout_seconds)
    except DatabaseUnavailable as error:
        return str(error)
    return None
