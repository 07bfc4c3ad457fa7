"""The queue without Kafka: workers lease due outbox rows with SKIP LOCKED."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import itemgetter
from time import monotonic
from typing import NamedTuple
from uuid import UUID

import asyncpg

from shared.database.pool import Connection, Pool, connection
from shared.database.queries import Queries
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.claims import Claims
from shared.queue.port import Receipt
from shared.wire.delivery_v1 import MAX_BODY_BYTES

_logger = get_logger(__name__)
_QUERIES = Queries(__package__, "postgres.sql")

#: From a look that took all there was to the next one; grows while nothing comes. Short enough
#: for the first delivery after it, and long enough that a look takes several at 500 a second.
_FIRST_REST_SECONDS = 0.01
_LONGEST_REST_SECONDS = 0.05
_REST_FACTOR = 1.25
#: What was acknowledged is deleted once there is so much of it, or so long after the last time:
#: a worker's own transactions have mostly deleted it already.
_DELETED_AT_A_TIME = 64
_DELETED_EVERY_SECONDS = 0.5
#: How long leaving may take when PostgreSQL is away; leases run out by themselves.
_CLOSE_SECONDS = 3.0


class _Row(NamedTuple):
    """An outbox row as claimed: another attempt or ticket of the same delivery is another row."""

    tenant_id: UUID
    delivery_id: UUID
    attempt: int
    #: Changes when the row is written anew for the same attempt.
    ticket: int


class PostgresProducer:
    """Puts deliveries into the outbox that workers read; rows that are there become due."""

    reads_outbox = True

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def send(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Make deliveries available now, unless a later attempt of them is waiting."""
        if not deliveries:
            return
        with _queue_errors():
            async with connection(self._pool) as borrowed:
                await borrowed.execute(
                    _QUERIES["insert_available"],
                    [delivery.tenant_id for delivery in deliveries],
                    [delivery.delivery_id for delivery in deliveries],
                    [delivery.attempt for delivery in deliveries],
                    [delivery.ordering_key for delivery in deliveries],
                )

    async def close(self) -> None:
        """Do nothing: the pool belongs to the program."""


class PostgresBacklog:
    """What workers have not finished has a row in the outbox: nothing is under way elsewhere."""

    async def finished_seconds_ago(self) -> float:
        """Return that all sent before this moment is finished, or waits in the outbox."""
        return 0.0


class PostgresConsumer:
    """Leases outbox rows to one worker process.

    A worker that commits an outcome deletes the row in the same transaction. What is acknowledged
    here is deleted too, in one statement before a claim; there is then nothing to find.
    """

    def __init__(
        self, pool: Pool, *, lease_seconds: float, claims: Claims, deletes_late: bool = False
    ) -> None:
        """Read the outbox.

        With ``deletes_late`` what is acknowledged may stay, leased, for a moment: for workers, who
        have deleted most of it, and not for relays, who would hold up the rest of its order.
        """
        self._pool = pool
        self._claims = claims
        #: Set when a delivery has left the hands of this process: its tenant may have another.
        self._freed = asyncio.Event()
        self._lease_seconds = lease_seconds
        self._held: set[_Row] = set()
        self._finished: list[_Row] = []
        self._deletes_late = deletes_late
        self._delete_at = 0.0
        self._rest_seconds = 0.0
        self._look_at = 0.0

    async def receive(self, *, limit: int, wait_seconds: float) -> Sequence[Receipt]:
        """Lease due rows, looking again every few hundredths of a second until some are there."""
        deadline = monotonic() + wait_seconds
        while True:
            await self._rest(deadline)
            receipts = await self._claim(limit)
            self._plan_rest(has_found=len(receipts) > 0, has_all=len(receipts) < limit)
            if receipts or monotonic() >= deadline:
                return tuple(receipts)

    def _plan_rest(self, *, has_found: bool, has_all: bool) -> None:
        if self._claims.may_have_more or not has_all:
            self._rest_seconds = 0.0
        elif has_found:
            self._rest_seconds = _FIRST_REST_SECONDS
        else:
            longer = max(self._rest_seconds * _REST_FACTOR, _FIRST_REST_SECONDS)
            self._rest_seconds = min(longer, _LONGEST_REST_SECONDS)
        self._look_at = monotonic() + self._rest_seconds

    async def _rest(self, deadline: float) -> None:
        """Wait until it is time to look again, or to give up."""
        seconds = min(self._look_at, deadline) - monotonic()
        if seconds <= 0:
            return
        if not self._claims.passes_over:
            await asyncio.sleep(seconds)
            return
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._freed.wait()

    async def ack(self, receipt: Receipt) -> None:
        """Note that a row is finished; it is deleted before the next claim."""
        row = _row_of(receipt)
        self._let_go(row)
        self._finished.append(row)
        if isinstance(receipt.content, QueuedDelivery) and receipt.content.ordering_key:
            self._delete_at = 0.0  # others of its key wait behind the row

    async def nack(self, receipt: Receipt, *, delay_seconds: float) -> None:
        """Give a lease back early, to be taken again after the delay."""
        row = _row_of(receipt)
        self._let_go(row)
        with _queue_errors():
            async with connection(self._pool) as borrowed:
                await _release(borrowed, [row], delay_seconds=delay_seconds)

    async def close(self) -> None:
        """Delete what is finished and give every lease back, within a few seconds.

        Raises:
            QueueUnavailable: The leases run out by themselves, and finished rows may come again.
        """
        with _queue_errors():
            async with (
                asyncio.timeout(_CLOSE_SECONDS),
                connection(self._pool, timeout_seconds=_CLOSE_SECONDS) as borrowed,
            ):
                await self._delete_finished(borrowed)
                await _release(borrowed, self._held, delay_seconds=0.0)
        self._held.clear()

    async def _claim(self, limit: int) -> list[Receipt]:
        with _queue_errors():
            async with connection(self._pool) as borrowed:
                if self._is_time_to_delete():
                    await self._delete_finished(borrowed)
                tenants = [row.tenant_id for row in self._held]
                rows = await self._claims.claim(borrowed, limit, self._lease_seconds, tenants)
                if not rows:
                    return []
                # By id is by time of acceptance.
                claimed = sorted(rows, key=itemgetter("delivery_id"))
                records = await borrowed.fetch(
                    _QUERIES["read_claimed"],
                    [row["tenant_id"] for row in claimed],
                    [row["delivery_id"] for row in claimed],
                    claimed[0]["delivery_id"],
                    claimed[-1]["delivery_id"],
                    MAX_BODY_BYTES,
                )
        pairs = zip(claimed, records, strict=True)
        return [receipt for pair in pairs if (receipt := self._receipt(*pair)) is not None]

    def _let_go(self, row: _Row) -> None:
        self._held.discard(row)
        self._freed.set()

    def _receipt(self, claimed: asyncpg.Record, record: asyncpg.Record) -> Receipt | None:
        row = _Row(
            claimed["tenant_id"], claimed["delivery_id"], claimed["attempt"], claimed["ticket"]
        )
        if record["webhook_id"] is None:
            _logger.warning("outbox_row_without_delivery", delivery_id=str(row.delivery_id))
            self._finished.append(row)
            return None
        self._held.add(row)
        return Receipt(content=_delivery_from(row, claimed["ordering_key"], record), handle=row)

    def _is_time_to_delete(self) -> bool:
        return (
            not self._deletes_late
            or len(self._finished) >= _DELETED_AT_A_TIME
            or monotonic() >= self._delete_at
        )

    async def _delete_finished(self, borrowed: Connection) -> None:
        # More may be acknowledged while the statement runs: only what it named is forgotten.
        rows = tuple(self._finished)
        if rows:
            await borrowed.execute(_QUERIES["delete_finished"], *_columns(rows))
            del self._finished[: len(rows)]
            self._delete_at = monotonic() + _DELETED_EVERY_SECONDS


async def _release(borrowed: Connection, rows: Collection[_Row], *, delay_seconds: float) -> None:
    if rows:
        await borrowed.execute(_QUERIES["release"], *_columns(rows), delay_seconds)


def _row_of(receipt: Receipt) -> _Row:
    row = receipt.handle
    if not isinstance(row, _Row):
        raise TypeError("a receipt of another queue")
    return row


def _columns(rows: Collection[_Row]) -> tuple[list[UUID], list[UUID], list[int], list[int]]:
    return (
        [row.tenant_id for row in rows],
        [row.delivery_id for row in rows],
        [row.attempt for row in rows],
        [row.ticket for row in rows],
    )


def _delivery_from(row: _Row, ordering_key: str | None, record: asyncpg.Record) -> QueuedDelivery:
    return QueuedDelivery(
        tenant_id=TenantId(row.tenant_id),
        webhook_id=WebhookId(record["webhook_id"]),
        delivery_id=DeliveryId(row.delivery_id),
        attempt=row.attempt,
        received_at=record["received_at"],
        headers=record["request_headers"],
        body=record["body"],
        idempotency_key=record["idempotency_key"],
        ordering_key=ordering_key,
    )


@contextmanager
def _queue_errors() -> Iterator[None]:
    try:
        yield
    except (DatabaseUnavailable, TimeoutError) as error:
        raise QueueUnavailable(str(error)) from error
