"""What an action is given, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.database.pool import Connection
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId
from shared.ledger.mappings import ExternalKey, Mappings
from shared.psa.events import Events
from shared.psa.store import Store, Values
from worker.forwarding.client import Forwarder


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """One attempt at one delivery, as its action sees it."""

    tenant_id: TenantId
    webhook_id: WebhookId
    webhook_slug: str
    #: The same over retries, new for a replay: the key for effects outside this database.
    delivery_id: DeliveryId
    idempotency_key: str | None
    headers: Sequence[tuple[str, str]]
    #: The parsed body.
    body: object
    received_at: datetime
    #: The delivery's own transaction: what is written here commits with the outcome or not at all.
    connection: Connection
    mappings: Mappings
    clock: Clock

    @property
    def store(self) -> Store:
        """The PSA store, on the delivery's own transaction."""
        return Store(self.connection, self.tenant_id, self.delivery_id)

    def external_key(self, entity_type: str, external_id: str, realm: str = "") -> ExternalKey:
        """Return the key of an external id in this webhook's namespace."""
        return ExternalKey(self.tenant_id, self.webhook_id, entity_type, external_id, realm)

    async def tell(
        self, entity_type: str, entity_id: UUID, event_name: str, changes: Values
    ) -> None:
        """Leave an event, such as ``ticket.created``, for those who follow ``psa.events``.

        The repositories of the store tell of what they write by themselves.
        """
        await Events(self.connection).insert(
            self.tenant_id,
            (entity_type, entity_id),
            event_name,
            changes=changes,
            delivery_id=self.delivery_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundContext:
    """One attempt at one delivery, as an action sees it whose effect is outside this database.

    It runs before the transaction that closes the delivery, and may run again for the same one.
    """

    tenant_id: TenantId
    webhook_id: WebhookId
    #: The same over retries, new for a replay: the key by which the outside tells a repetition.
    delivery_id: DeliveryId
    headers: Sequence[tuple[str, str]]
    #: The body as it came.
    body: bytes
    forwarder: Forwarder


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What an action did; kept on the delivery."""

    entity_type: str
    entity_id: UUID | None = None
    external_id: str | None = None
    message: str = ""
    #: JSON values.
    metadata: Mapping[str, Any] = field(default_factory=dict)
