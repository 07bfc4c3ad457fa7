"""What a worker does about a webhook whose circuit breaker is open: probe, hold, release."""

from shared.database.pool import Pool, tenant_transaction
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import TenantId, WebhookId
from shared.ledger.circuit_breakers import CircuitBreakers
from shared.observability.logging import get_logger

_LOGGER = get_logger(__name__)

_RELEASED_AT_A_TIME = 1000
#: Held deliveries come by themselves after this long where nobody released them.
_LONGEST_WAIT_SECONDS = 600.0
#: More than any attempt takes.
_PROBE_SECONDS = 60.0


class BreakerGate:
    """Decides, in transactions of its own, over deliveries that meet an open breaker."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take_probe(self, delivery: QueuedDelivery) -> bool:
        """Return whether a delivery may try."""
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            return await CircuitBreakers(connection).take_probe(
                delivery, lease_seconds=_PROBE_SECONDS
            )

    async def hold(self, delivery: QueuedDelivery) -> bool:
        """Put a delivery back for later; False where the breaker has closed meanwhile."""
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            return await CircuitBreakers(connection).hold(
                delivery, longest_seconds=_LONGEST_WAIT_SECONDS
            )

    async def release(self, tenant_id: TenantId, webhook_id: WebhookId) -> None:
        """Make everything due that an open breaker held back; it has just closed."""
        released, batch = 0, _RELEASED_AT_A_TIME
        while batch == _RELEASED_AT_A_TIME:
            async with tenant_transaction(self._pool, tenant_id) as connection:
                batch = await CircuitBreakers(connection).release(
                    tenant_id, webhook_id, limit=_RELEASED_AT_A_TIME
                )
            released += batch
        _LOGGER.info("circuit_breaker_closed", webhook_id=str(webhook_id), released=released)
