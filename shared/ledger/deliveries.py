"""Deliveries as admins read them, and the two kinds that admins make: tests and replays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId
from shared.errors import NotFound
from shared.ledger.webhooks import StoredWebhook

_QUERIES = Queries(__package__, "deliveries.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySummary:
    """A delivery without its request's headers and body."""

    tenant_id: TenantId
    delivery_id: DeliveryId
    #: None: the request named a webhook that the tenant does not have.
    webhook_id: WebhookId | None
    webhook_version: int | None
    #: What verified the request; None: nothing did, or no secret is needed.
    secret_id: UUID | None
    received_at: datetime
    request_method: str
    request_path: str
    source_address: str
    idempotency_key: str | None
    idempotency_fault: str | None
    ordering_key: str | None
    auth_status: str
    dispatch_status: str
    response_status: int
    #: JSON text.
    handler_outcome: str | None
    duration_ms: float | None
    retry_count: int
    next_attempt_at: datetime | None
    completed_at: datetime | None
    is_replay: bool
    is_test: bool
    replayed_from: DeliveryId | None
    duplicate_of: DeliveryId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDelivery(DeliverySummary):
    """A delivery with all that was received."""

    request_headers: bytes
    request_body: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAttempt:
    """One attempt at a delivery."""

    #: 0 is the first.
    attempt: int
    started_at: datetime
    duration_ms: float
    #: JSON text.
    outcome: str


class Waiting(NamedTuple):
    """What an unfinished delivery waits for, beside a worker."""

    is_held: bool = False
    is_parked: bool = False
    breaker_probe_at: datetime | None = None


class ReplayLink(NamedTuple):
    """A replay of a delivery."""

    delivery_id: DeliveryId
    dispatch_status: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries are meant; None leaves a condition out."""

    dispatch_status: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDelivery:
    """A request made up by an admin."""

    tenant_id: TenantId
    delivery_id: DeliveryId
    webhook_id: WebhookId
    webhook_version: int
    request_path: str
    request_headers: bytes
    request_body: bytes
    source_address: str


class Deliveries:
    """Reads deliveries, and inserts tests and replays, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(
        self, tenant_id: UUID, delivery_id: UUID, *, webhook_id: UUID | None = None
    ) -> RecordedDelivery:
        """Return a delivery, of the named webhook where one is named.

        Raises:
            NotFound: There is none of this tenant, or it is another webhook's.
        """
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, delivery_id, webhook_id)
        if row is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        return RecordedDelivery(**row)

    async def list_attempts(self, tenant_id: UUID, delivery_id: UUID) -> list[RecordedAttempt]:
        """Return what each attempt at a delivery met, the first first."""
        rows = await self._connection.fetch(_QUERIES["list_attempts"], tenant_id, delivery_id)
        return [RecordedAttempt(**row) for row in rows]

    async def list_replays(
        self, tenant_id: UUID, delivery_id: UUID, *, limit: int
    ) -> list[ReplayLink]:
        """Return what a delivery was replayed as, the newest first."""
        rows = await self._connection.fetch(
            _QUERIES["list_replays"], tenant_id, delivery_id, limit
        )
        return [ReplayLink(*row) for row in rows]

    async def waiting(self, tenant_id: UUID, delivery_id: UUID) -> Waiting:
        """Return what a delivery waits for, where it is not finished."""
        row = await self._connection.fetchrow(_QUERIES["find_waiting"], tenant_id, delivery_id)
        return Waiting() if row is None else Waiting(*row)

    async def insert_test(self, trial: TrialDelivery) -> None:
        """Record a made-up delivery and queue it, in one statement."""
        await self._connection.execute(
            _QUERIES["insert_test"],
            trial.tenant_id,
            trial.delivery_id,
            trial.webhook_id,
            trial.webhook_version,
            trial.request_path,
            trial.request_headers,
            trial.request_body,
            trial.source_address,
        )

    async def insert_replay(
        self, source: DeliverySummary, *, delivery_id: UUID, webhook_version: int
    ) -> None:
        """Record a delivery's request anew and queue it, in one statement."""
        await self._connection.execute(
            _QUERIES["insert_replay"],
            source.tenant_id,
            delivery_id,
            source.delivery_id,
            webhook_version,
        )

    async def insert_replays(
        self,
        webhook: StoredWebhook,
        wanted: DeliveryFilter,
        *,
        outcome_code: str | None,
        delivery_ids: Sequence[UUID],
    ) -> list[DeliveryId]:
        """Replay up to ``len(delivery_ids)`` matching deliveries, the oldest first; return ids.

        ``delivery_ids`` are new and ascending. What was never authenticated, is no JSON, is a
        duplicate or is still being handled is passed over.
        """
        rows = await self._connection.fetch(
            _QUERIES["insert_replays"],
            webhook.tenant_id,
            webhook.webhook_id,
            delivery_ids,
            webhook.version,
            wanted.dispatch_status,
            wanted.received_from,
            wanted.received_to,
            outcome_code,
        )
        return [row["delivery_id"] for row in rows]
