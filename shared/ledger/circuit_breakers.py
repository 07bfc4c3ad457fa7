"""Circuit breakers: one per webhook, shared by all workers through the ledger.

A webhook whose attempts succeed has no row. Enough failures in a row open its breaker: deliveries
are held back without using up attempts. When the hold is over, one at a time may probe; a success
closes the breaker.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import TenantId, WebhookId

_QUERIES = Queries(__package__, "circuit_breakers.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens, and for how long it holds deliveries back."""

    #: Failed attempts in a row, of several deliveries, that open it; 1 or more.
    failures: int = 10
    #: From opening to the first probe; doubled by each probe that fails.
    hold_seconds: float = 30.0
    longest_hold_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """How a breaker stands."""

    #: closed, open, or half_open: a probe is due or under way.
    state: str = "closed"
    #: Failed attempts in a row, each of another delivery than the one before.
    failures: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None


class CircuitBreakers:
    """Works on breakers on one connection that is inside a tenant's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count_failure(self, delivery: QueuedDelivery, policy: BreakerPolicy) -> bool:
        """Note a failed attempt; return whether it opened the breaker."""
        opened: bool = await self._connection.fetchval(
            _QUERIES["count_failure"],
            delivery.tenant_id,
            delivery.webhook_id,
            delivery.delivery_id,
            policy.failures,
            policy.hold_seconds,
            policy.longest_hold_seconds,
        )
        return opened

    async def take_probe(self, delivery: QueuedDelivery, *, lease_seconds: float) -> bool:
        """Return whether a delivery may run in spite of an open breaker; commit before it runs."""
        probe = await self._connection.fetchval(
            _QUERIES["take_probe"],
            delivery.tenant_id,
            delivery.webhook_id,
            delivery.delivery_id,
            lease_seconds,
        )
        return probe is not None

    async def end_probe(self, delivery: QueuedDelivery) -> None:
        """Let the next delivery probe: this one has told nothing."""
        await self._connection.execute(
            _QUERIES["end_probe"], delivery.tenant_id, delivery.webhook_id, delivery.delivery_id
        )

    async def hold(self, delivery: QueuedDelivery, *, longest_seconds: float) -> bool:
        """Put a delivery back for the same attempt; False when there is no reason to any more."""
        held: int = await self._connection.fetchval(
            _QUERIES["hold"],
            delivery.tenant_id,
            delivery.webhook_id,
            delivery.delivery_id,
            delivery.attempt,
            delivery.ordering_key,
            longest_seconds,
        )
        return held == 1

    async def get(self, tenant_id: UUID, webhook_id: UUID) -> BreakerState:
        """Return how a webhook's breaker stands."""
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, webhook_id)
        return BreakerState() if row is None else BreakerState(**row)

    async def close(self, tenant_id: TenantId, webhook_id: WebhookId) -> bool:
        """Forget failures; return whether the breaker was open: then ``release``."""
        was_open: bool | None = await self._connection.fetchval(
            _QUERIES["close"], tenant_id, webhook_id
        )
        return bool(was_open)

    async def release(self, tenant_id: TenantId, webhook_id: WebhookId, *, limit: int) -> int:
        """Make up to ``limit`` held deliveries due; return how many."""
        released: int = await self._connection.fetchval(
            _QUERIES["release"], tenant_id, webhook_id, limit
        )
        return released
