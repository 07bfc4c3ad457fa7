"""Runs a handler within its time, and tells its faults from the database's."""

import asyncio

import asyncpg

from shared.database.pool import Connection
from shared.domain.delivery import QueuedDelivery
from shared.errors import DatabaseUnavailable
from shared.observability.logging import get_logger
from worker import metrics
from worker.handlers.direct_action import PreparedAction, PreparedCall
from worker.handlers.workflow import PreparedLaunch, PreparedStart
from worker.outcome import Outcome, Retry

_LOGGER = get_logger(__name__)

#: Another transaction was in the way: the same attempt may succeed at once.
_CONTENTION = ("40001", "40P01", "55P03")
#: The connection or the server is going away: no fault of the delivery.
#: Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
_AWAY = ("08", "53", "57P0", "25006", "25P03")
_LONGEST_REASON = 500


async def run_bounded(
    prepared: PreparedAction | PreparedStart, connection: Connection, *, timeout_seconds: float
) -> Outcome:
    """Run a handler; what it raises becomes a ``Retry``.

    Raises:
        DatabaseUnavailable: The connection under the handler is lost.
    """
    limit = asyncio.timeout(timeout_seconds)
    try:
        async with limit:
            return await prepared.run(connection)
    except Exception as error:
        if connection.is_closed() or is_away(error):
            raise DatabaseUnavailable(f"PostgreSQL: {error}") from error
        if limit.expired():
            return _timeout(timeout_seconds)
        if _has_state(error, _CONTENTION):
            return Retry(f"PostgreSQL: {error}", "database_contention")
        return unexpected_error(prepared.delivery, error)


async def call_bounded(
    prepared: PreparedCall | PreparedLaunch, *, timeout_seconds: float
) -> Outcome:
    """Run a handler that needs no connection; what it raises becomes a ``Retry``."""
    limit = asyncio.timeout(timeout_seconds)
    try:
        async with limit:
            return await prepared.run()
    except Exception as error:  # noqa: BLE001 - the border: becomes a recorded retry
        if limit.expired():
            return _timeout(timeout_seconds)
        return unexpected_error(prepared.delivery, error)


def _timeout(seconds: float) -> Retry:
    return Retry(f"the handler took longer than {seconds:g} s", "handler_timeout")


def unexpected_error(delivery: QueuedDelivery, error: Exception) -> Retry:
    """Log and count an exception that nobody foresaw; it may pass."""
    metrics.UNEXPECTED_ERRORS.inc()
    _LOGGER.error(
        "unexpected_error",
        tenant_id=str(delivery.tenant_id),
        delivery_id=str(delivery.delivery_id),
        attempt=delivery.attempt,
        exc_info=error,
    )
    reason = f"unexpected {type(error).__name__}: {error}"
    return Retry(reason[:_LONGEST_REASON], "unexpected_error")


def is_away(error: Exception) -> bool:
    """Tell whether the connection or the server is going away."""
    return _has_state(error, _AWAY)


def _has_state(error: Exception, states: tuple[str, ...]) -> bool:
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(states)
