"""A delivery: one recorded request, its states and the form in which it travels to a worker."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.identifiers import DeliveryId, TenantId, WebhookId


class AuthStatus(StrEnum):
    """What authentication found."""

    VERIFIED = "verified"
    REJECTED_SIGNATURE = "rejected_signature"
    REJECTED_BEARER = "rejected_bearer"
    REJECTED_IP = "rejected_ip"
    REJECTED_NO_AUTH = "rejected_no_auth"


class DispatchStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DISPATCHED = "dispatched"
    FAILED = "failed"
    DUPLICATE = "duplicate"


#: From each state, the states that may follow. A delivery is born in any of them.
TRANSITIONS: dict[DispatchStatus, frozenset[DispatchStatus]] = {
    DispatchStatus.PENDING: frozenset({DispatchStatus.DISPATCHED, DispatchStatus.FAILED}),
    DispatchStatus.DISPATCHED: frozenset(),
    DispatchStatus.FAILED: frozenset(),
    DispatchStatus.DUPLICATE: frozenset(),
}


@dataclass(frozen=True, slots=True)
class QueuedDelivery:
    """A recorded delivery on its way to a worker."""

    tenant_id: TenantId
    webhook_id: WebhookId
    delivery_id: DeliveryId
    #: Zero for the first try; the ledger's retry_count when this was queued.
    attempt: int
    received_at: datetime
    #: Filtered request headers as lines ``name: value\r\n``.
    headers: bytes
    #: The exact bytes received; None when they are too large to travel and wait in the ledger.
    body: bytes | None
    idempotency_key: str | None = None
    #: Deliveries with the same key run in order; None where order does not matter.
    ordering_key: str | None = None


def parse_header_block(block: bytes) -> list[tuple[str, str]]:
    """Return the (name, value) pairs of a stored header block, in order of arrival.

    Values are decoded as latin-1, which any byte survives.
    """
    pairs = []
    for line in block.decode("latin-1").split("\r\n"):
        name, separator, value = line.partition(": ")
        if separator:
            pairs.append((name, value))
    return pairs


def format_header_block(pairs: list[tuple[str, str]]) -> bytes:
    """Return pairs in the stored form; the inverse of ``parse_header_block``."""
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode("latin-1", "replace")
