"""The order of deliveries that share an ordering key: whose turn it is, by the ledger alone."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId

_QUERIES = Queries(__package__, "order.sql")

#: A larger body is read when it is needed, as when it comes from the queue.
_LARGEST_BODY_BYTES = 256 * 1024


class Turn(Enum):
    """When a delivery may run."""

    NOW = "now"
    #: It is parked.
    LATER = "later"
    #: It has been closed.
    PAST = "past"


class OrderedDelivery(NamedTuple):
    """A delivery and what it is ordered by."""

    ordering_key: str
    delivery_id: DeliveryId


class Order:
    """Asks for turns on one connection that is inside a tenant's transaction.

    Closing a delivery gives its turn to the next one in the same commit, see the schema's
    ``pass_turn``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take_turn(self, tenant_id: TenantId, asked: OrderedDelivery) -> Turn:
        """Return whether a delivery may run now, and until it is closed; else park it.

        What is parked is queued again, as the same attempt, by whoever closes the one before it.
        Commit before relying on either.
        """
        (turn,) = await self._take_turns(tenant_id, [asked], waits=True)
        return Turn(turn)

    async def take_turns(
        self, tenant_id: TenantId, asked: Sequence[OrderedDelivery]
    ) -> list[Turn | None]:
        """Do as ``take_turn`` for each, in this order; None, and nothing done, for one that waits.

        Its key is just being moved on by somebody else: ask for it alone.
        """
        turns = await self._take_turns(tenant_id, asked, waits=False)
        return [None if turn is None else Turn(turn) for turn in turns]

    async def _take_turns(
        self, tenant_id: TenantId, asked: Sequence[OrderedDelivery], *, waits: bool
    ) -> list[str | None]:
        keys, delivery_ids = zip(*asked, strict=True)
        turns: list[str | None] = await self._connection.fetchval(
            _QUERIES["take_turns"], tenant_id, keys, delivery_ids, waits
        )
        return turns

    async def claim_following(
        self, tenant_id: TenantId, keys: Iterable[str], *, lease_seconds: float, limit: int
    ) -> dict[str, list[QueuedDelivery]]:
        """Lease and return, of each key, the delivery whose turn it is, where it waits queued.

        After it come those that wait for it, up to ``limit`` in all: they may be handled in this
        order in the transaction that closes it, and else wait for their turns. Keys without such
        a delivery are left out.
        """
        rows = await self._connection.fetch(
            _QUERIES["claim_following"],
            tenant_id,
            list(set(keys)),
            lease_seconds,
            _LARGEST_BODY_BYTES,
            limit,
        )
        lines: dict[str, list[QueuedDelivery]] = {}
        for row in rows:
            key = row["ordering_key"]
            lines.setdefault(key, []).append(
                QueuedDelivery(
                    tenant_id=tenant_id,
                    webhook_id=WebhookId(row["webhook_id"]),
                    delivery_id=DeliveryId(row["delivery_id"]),
                    attempt=row["attempt"],
                    received_at=row["received_at"],
                    headers=row["request_headers"],
                    body=row["body"],
                    idempotency_key=row["idempotency_key"],
                    ordering_key=key,
                )
            )
        return lines
