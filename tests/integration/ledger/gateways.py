"""Gateways and admins, as far as they change the states of deliveries."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from shared.clock import SystemClock, unix_ms
from shared.database.pool import connection, tenant_transaction
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, WebhookId
from shared.ledger.deliveries import Deliveries, DeliveryFilter
from shared.ledger.outbox import Outbox
from shared.ledger.recording import AcceptedRow, Origin, Recording
from shared.ledger.webhooks import Webhooks
from tests.integration.ledger.real_ledger import RealLedger
from tests.integration.ledger.states import Arrival

_HEADERS = b"content-type: application/json\r\n"
_PLACED = """
select delivery_id from postern.ordered_deliveries where delivery_id = any($1) order by position
"""


class Gateways:
    """Records requests, and clears the outbox of what it published."""

    def __init__(self, ledger: RealLedger) -> None:
        self._ledger = ledger

    async def accept(
        self,
        batch: Sequence[Arrival],
        window_seconds: int,
        *,
        delay_seconds: int,
        answer_is_lost: bool,
    ) -> dict[UUID, UUID]:
        """Record a batch as a gateway does; return the first of each duplicate."""
        origins = {each.webhook: self._origin(each.webhook, window_seconds) for each in batch}
        rows = [
            AcceptedRow(
                each.delivery_id,
                origins[each.webhook],
                unix_ms(),
                _HEADERS,
                b"{}",
                each.key,
                None,
                each.line,
            )
            for each in batch
        ]
        async with connection(self._ledger.system) as borrowed:
            recording = Recording(borrowed)
            answers = await recording.record_accepted(rows, outbox_delay_seconds=delay_seconds)
            if answer_is_lost:
                again = await recording.record_again(rows, outbox_delay_seconds=delay_seconds)
                assert again == answers
        return answers

    async def placed(self, delivery_ids: Iterable[UUID]) -> list[UUID]:
        """Return those that have a place in a line, in order."""
        rows = await self._ledger.admin.fetch(_PLACED, list(delivery_ids))
        return [row["delivery_id"] for row in rows]

    async def clear_published(self, delivery_ids: Collection[UUID]) -> None:
        """Clear the outbox of what a gateway has published."""
        async with connection(self._ledger.system) as borrowed:
            await Outbox(borrowed).delete_published(
                [(self._ledger.tenant_id, delivery_id, 0) for delivery_id in delivery_ids]
            )

    def queued(self, arrival: Arrival) -> QueuedDelivery:
        """Return an accepted delivery as a gateway publishes it."""
        return QueuedDelivery(
            tenant_id=self._ledger.tenant_id,
            webhook_id=WebhookId(arrival.webhook),
            delivery_id=DeliveryId(arrival.delivery_id),
            attempt=0,
            received_at=SystemClock().now(),
            headers=_HEADERS,
            body=b"{}",
            idempotency_key=arrival.key,
            ordering_key=arrival.line,
        )

    def _origin(self, webhook: UUID, window_seconds: int) -> Origin:
        return Origin(
            tenant_id=self._ledger.tenant_id,
            webhook_id=webhook,
            webhook_version=1,
            secret_id=None,
            method="POST",
            path="/",
            source_address="127.0.0.1",
            idempotency_window_seconds=window_seconds,
        )


class Admins:
    """Replays deliveries, and changes webhooks."""

    def __init__(self, ledger: RealLedger) -> None:
        self._ledger = ledger

    async def replay(self, source_id: UUID, replay_id: UUID) -> None:
        """Replay one delivery."""
        async with tenant_transaction(self._ledger.tenants, self._ledger.tenant_id) as borrowed:
            deliveries = Deliveries(borrowed)
            source = await deliveries.get(self._ledger.tenant_id, source_id)
            await deliveries.insert_replay(
                source, delivery_id=DeliveryId(replay_id), webhook_version=1
            )

    async def replay_matching(
        self, webhook_id: UUID, status: str | None, replay_ids: Sequence[UUID]
    ) -> list[DeliveryId]:
        """Replay deliveries by filter."""
        async with tenant_transaction(self._ledger.tenants, self._ledger.tenant_id) as borrowed:
            webhook = await Webhooks(borrowed).get(self._ledger.tenant_id, webhook_id)
            return await Deliveries(borrowed).insert_replays(
                webhook,
                DeliveryFilter(dispatch_status=status),
                outcome_code=None,
                delivery_ids=replay_ids,
            )

    async def change_webhook(self, webhook_id: UUID) -> None:
        """Give a webhook a new version."""
        async with tenant_transaction(self._ledger.tenants, self._ledger.tenant_id) as borrowed:
            await Webhooks(borrowed).touch(self._ledger.tenant_id, webhook_id)

    async def delete_webhook(self, webhook_id: UUID) -> None:
        """Delete a webhook."""
        async with tenant_transaction(self._ledger.tenants, self._ledger.tenant_id) as borrowed:
            await Webhooks(borrowed).delete(self._ledger.tenant_id, webhook_id)
