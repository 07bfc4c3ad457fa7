"""The turns of ordered deliveries, and what follows when one has been closed."""

from collections.abc import Sequence

from shared.database.pool import Connection, Pool, tenant_transaction
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import TenantId
from shared.ledger.order import Order, OrderedDelivery, Turn
from worker.batches import Batches

#: What is claimed has to be handled by whoever claimed it: for others it is away for so long.
_LEASE_SECONDS = 30.0


class Turns:
    """Takes turns and claims lines, for all of a tenant that ask at the same time together."""

    def __init__(self, pool: Pool, *, longest_line: int) -> None:
        self._pool = pool
        self._longest_line = longest_line
        self._turns = Batches(pool, _take_turns)
        self._lines = Batches(pool, self._claim_lines)

    async def take(self, tenant_id: TenantId, asked: OrderedDelivery) -> Turn:
        """Return whether a delivery may run now, committed; what may run later is parked.

        Raises:
            DatabaseUnavailable: Nothing is known.
        """
        turn = await self._turns.ask(tenant_id, asked)
        if turn is not None:
            return turn
        # Whoever holds the key may hang: only this delivery waits for that.
        async with tenant_transaction(self._pool, tenant_id) as connection:
            return await Order(connection).take_turn(tenant_id, asked)

    async def claim_line(self, tenant_id: TenantId, key: str) -> list[QueuedDelivery]:
        """Lease and return what may run now that a delivery of the key has been closed.

        See ``Order.claim_following``. Of several that ask for one key one gets it.

        Raises:
            DatabaseUnavailable: Nothing is known; what was leased comes again.
        """
        return await self._lines.ask(tenant_id, key)

    async def _claim_lines(
        self, connection: Connection, tenant_id: TenantId, keys: Sequence[str]
    ) -> list[list[QueuedDelivery]]:
        lines = await Order(connection).claim_following(
            tenant_id, keys, lease_seconds=_LEASE_SECONDS, limit=self._longest_line
        )
        return [lines.pop(key, []) for key in keys]


async def _take_turns(
    connection: Connection, tenant_id: TenantId, asked: Sequence[OrderedDelivery]
) -> Sequence[Turn | None]:
    return await Order(connection).take_turns(tenant_id, asked)
