"""Puts deliveries into the ledger the way a gateway does, for tests of the queue."""

import os
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from shared.database.pool import Pool
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId, uuid7_bytes

_TENANT = TenantId(UUID("018f0000-0000-7000-8000-000000000001"))
_WEBHOOK = WebhookId(UUID("018f0000-0000-7000-8000-000000000002"))
_EPOCH_MS = 1_767_225_600_000  # 2026-01-01: its partition is the default one
_milliseconds = count(_EPOCH_MS)

_INSERT_DELIVERY = """
insert into postern.deliveries (
    tenant_id, delivery_id, webhook_id, webhook_version, received_at, request_method, request_path,
    request_headers, request_body, source_address, idempotency_key, auth_status, dispatch_status,
    response_status)
values ($1, $2, $3, 1, $4, 'POST', '/', $5, $6, '127.0.0.1', $7, 'verified', 'pending', 200)
"""
_INSERT_OUTBOX = """
insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key, attempt)
values ($1, $2, now() + make_interval(secs => $3), $4, $5)
"""


def make_delivery(
    body: bytes = b"{}",
    *,
    headers: bytes = b"content-type: application/json\r\n",
    ordering_key: str | None = None,
    idempotency_key: str | None = None,
    attempt: int = 0,
) -> QueuedDelivery:
    """Return a delivery; each call's is received one millisecond after the call before."""
    milliseconds = next(_milliseconds)
    return QueuedDelivery(
        tenant_id=_TENANT,
        webhook_id=_WEBHOOK,
        delivery_id=DeliveryId(UUID(bytes=uuid7_bytes(milliseconds, os.urandom(10)))),
        attempt=attempt,
        received_at=datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds),
        headers=headers,
        body=body,
        idempotency_key=idempotency_key,
        ordering_key=ordering_key,
    )


async def record(pool: Pool, *deliveries: QueuedDelivery) -> None:
    """Insert delivery rows, as a gateway does before it sends anything."""
    async with pool.acquire() as connection:
        await connection.executemany(
            _INSERT_DELIVERY,
            [
                (d.tenant_id, d.delivery_id, d.webhook_id, d.received_at, d.headers, d.body,
                 d.idempotency_key)
                for d in deliveries
            ],
        )  # fmt: skip


async def record_in_outbox(
    pool: Pool, *deliveries: QueuedDelivery, due_in_seconds: float = 0.0
) -> None:
    """Insert delivery rows with their outbox rows."""
    await record(pool, *deliveries)
    async with pool.acquire() as connection:
        await connection.executemany(
            _INSERT_OUTBOX,
            [
                (d.tenant_id, d.delivery_id, due_in_seconds, d.ordering_key, d.attempt)
                for d in deliveries
            ],
        )


async def outbox_attempts(pool: Pool) -> dict[UUID, int]:
    """Return delivery id -> attempt of every outbox row."""
    async with pool.acquire() as connection:
        rows = await connection.fetch("select delivery_id, attempt from postern.outbox")
    return {row["delivery_id"]: row["attempt"] for row in rows}
