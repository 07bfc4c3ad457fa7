"""The attempts of a delivery: claim it, close it, fail it, put it back."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import LiteralString, NamedTuple
from uuid import UUID

import asyncpg

from shared.database.pool import Connection, Pool, execute_at_commit, tenant_transaction
from shared.database.queries import Queries
from shared.database.riders import Value
from shared.domain.delivery import DispatchStatus, QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId
from shared.errors import DatabaseUnavailable, DeliveryHeld

_QUERIES = Queries(__package__, "attempts.sql")

#: How long a claim waits for another worker that holds the same delivery.
_LOCK_TIMEOUT = "5s"
#: Likewise in a group, whose other members wait as well.
_GROUP_LOCK_TIMEOUT = "100ms"
#: What ``claim_expected`` raises.
_UNEXPECTED = "PN001"


@dataclass(frozen=True, slots=True)
class Claim:
    """Where a claimed delivery stands."""

    dispatch_status: DispatchStatus
    retry_count: int
    #: None: the webhook is gone.
    webhook_version: int | None
    #: Whether attempts at the webhook's deliveries have failed since one succeeded.
    webhook_has_failed: bool
    #: Whether its circuit breaker is open.
    breaker_is_open: bool


class UnexpectedDeliveryError(Exception):
    """A delivery is not as it was expected to be; ``Attempts.claim`` shows how it is."""

    def __init__(self, message: str, delivery_ids: Iterable[DeliveryId] = ()) -> None:
        #: Of a group, those of which that is so.
        self.delivery_ids = frozenset(delivery_ids)
        super().__init__(message)


@asynccontextmanager
async def claimed_transaction(
    pool: Pool, delivery: QueuedDelivery, *, webhook_version: int
) -> AsyncIterator[Connection]:
    """Begin a tenant's transaction with a delivery claimed, in one round trip.

    For the common case alone: the delivery waits for this attempt, its webhook has this version,
    and nothing has failed there since the last success.

    Raises:
        UnexpectedDeliveryError: Something else is the case. Nothing has happened.
        DeliveryHeld: Another holder keeps it for longer than a claim waits.
    """
    claim = (
        _QUERIES["claim_expected"],
        delivery.tenant_id,
        delivery.delivery_id,
        delivery.attempt,
        webhook_version,
        _LOCK_TIMEOUT,
    )
    async with _claimed(pool, delivery.tenant_id, claim) as connection:
        yield connection


class ExpectedDelivery(NamedTuple):
    """How a delivery is expected to be found."""

    delivery_id: DeliveryId
    attempt: int
    webhook_version: int


@asynccontextmanager
async def claimed_group(
    pool: Pool, tenant_id: TenantId, expected: Sequence[ExpectedDelivery]
) -> AsyncIterator[Connection]:
    """Begin a tenant's transaction with several deliveries claimed, in one round trip.

    As ``claimed_transaction``, for all or none. They are claimed in the order of their ids, so
    that groups do not wait for each other in circles. All locks are waited for shortly alone.

    Raises:
        UnexpectedDeliveryError: Something else is the case for one of them. Nothing has happened.
        DeliveryHeld: Another holder keeps one of them.
    """
    in_order = sorted(expected)
    claim = (
        _QUERIES["claim_group"],
        tenant_id,
        [one.delivery_id for one in in_order],
        [one.attempt for one in in_order],
        [one.webhook_version for one in in_order],
        _GROUP_LOCK_TIMEOUT,
    )
    async with _claimed(pool, tenant_id, claim) as connection:
        yield connection


@asynccontextmanager
async def _claimed(
    pool: Pool, tenant_id: TenantId, claim: tuple[LiteralString, *tuple[Value, ...]]
) -> AsyncIterator[Connection]:
    has_begun = False
    try:
        async with tenant_transaction(pool, tenant_id, first=claim) as connection:
            has_begun = True
            yield connection
    except asyncpg.PostgresError as error:
        if not has_begun and error.sqlstate == _UNEXPECTED:
            delivery_ids = (DeliveryId(UUID(each)) for each in (error.detail or "").split())
            raise UnexpectedDeliveryError(str(error), delivery_ids) from error
        raise
    except DatabaseUnavailable as error:
        if not has_begun and isinstance(error.__cause__, asyncpg.LockNotAvailableError):
            raise DeliveryHeld(str(error)) from error
        raise


class Finished(NamedTuple):
    """What became of a delivery, and how long its attempt took."""

    delivery_id: DeliveryId
    #: JSON text.
    outcome: str
    duration_ms: float


class Attempts:
    """Moves deliveries on, on one connection that is inside a tenant's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find_body(self, tenant_id: TenantId, delivery_id: DeliveryId) -> bytes | None:
        """Return a delivery's raw body; None when it has none or is gone."""
        body: bytes | None = await self._connection.fetchval(
            _QUERIES["find_body"], tenant_id, delivery_id
        )
        return body

    async def claim(self, delivery: QueuedDelivery) -> Claim | None:
        """Lock a delivery until the transaction ends; None when it is gone.

        Waits for another holder for a few seconds.

        Raises:
            DeliveryHeld: It still holds the delivery. The transaction can only be rolled back.
        """
        try:
            row = await self._connection.fetchrow(
                _QUERIES["claim"], delivery.tenant_id, delivery.delivery_id, _LOCK_TIMEOUT
            )
        except asyncpg.LockNotAvailableError as error:
            raise DeliveryHeld(f"PostgreSQL: {error}") from error
        if row is None:
            return None
        return Claim(
            dispatch_status=DispatchStatus(row["dispatch_status"]),
            retry_count=row["retry_count"],
            webhook_version=row["webhook_version"],
            webhook_has_failed=row["has_failed"],
            breaker_is_open=row["is_open"],
        )

    def finish_at_commit(
        self, delivery: QueuedDelivery, *, outcome: str, duration_ms: float
    ) -> None:
        """Close a delivery that this transaction has claimed, as the last that it does."""
        execute_at_commit(
            self._connection,
            _QUERIES["finish"],
            delivery.tenant_id,
            delivery.delivery_id,
            outcome,
            duration_ms,
        )

    def finish_group_at_commit(self, tenant_id: TenantId, finished: Sequence[Finished]) -> None:
        """Close deliveries that this transaction has claimed, as the last that it does."""
        execute_at_commit(
            self._connection,
            _QUERIES["finish_group"],
            tenant_id,
            [one.delivery_id for one in finished],
            [one.outcome for one in finished],
            [one.duration_ms for one in finished],
        )

    async def fail(self, delivery: QueuedDelivery, *, outcome: str, duration_ms: float) -> bool:
        """End a delivery as failed; False when another copy has moved it on."""
        failed: int = await self._connection.fetchval(
            _QUERIES["fail"],
            delivery.tenant_id,
            delivery.delivery_id,
            delivery.attempt,
            outcome,
            duration_ms,
        )
        return failed == 1

    async def retry(
        self, delivery: QueuedDelivery, *, outcome: str, duration_ms: float, delay_seconds: float
    ) -> bool:
        """Put a delivery back for its next attempt; False when another copy has moved it on."""
        moved: int = await self._connection.fetchval(
            _QUERIES["retry"],
            delivery.tenant_id,
            delivery.delivery_id,
            delivery.attempt,
            outcome,
            duration_ms,
            delay_seconds,
            delivery.ordering_key,
        )
        return moved == 1
