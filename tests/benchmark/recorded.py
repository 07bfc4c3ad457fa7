"""Deliveries recorded as a gateway records them, with ids that a pgbench script can compute."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson
import psycopg

from shared.clock import SystemClock, unix_ms
from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId
from shared.ledger.recording import AcceptedRow, Origin, Recording
from shared.queue.port import Producer

#: As many as a busy gateway records in one commit.
_BATCH = 100
_HEADERS = b"content-type: application/json\r\nuser-agent: rmm-agent/7.4\r\naccept: */*\r\n"
_NOTE = "tags and notes of a device, as agents send them along with every report; " * 8
_CLEAR_OUTBOX = "delete from postern.outbox where delivery_id between $1 and $2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Deliveries ``first`` to ``first + count - 1`` of one webhook, about so many devices."""

    prefix: str
    first: int
    count: int
    devices: int
    #: Leads the devices' ids, so that batches with another one write other rows.
    family: str

    def delivery_id(self, number: int) -> UUID:
        """Return the id of a delivery by its number."""
        return UUID(f"{self.prefix}{number:012x}")

    @property
    def ids(self) -> tuple[UUID, UUID]:
        """The least and the greatest id."""
        return self.delivery_id(self.first), self.delivery_id(self.first + self.count - 1)

    def device(self, number: int) -> str:
        """Return the device that a delivery is about."""
        return f"{self.family}-{number % self.devices:08d}"


def id_prefix() -> str:
    """Return what leads the ids of this run: a uuid7 of this moment, but for its last part."""
    milliseconds = f"{unix_ms():012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7000-8000-"


def origin_of(dsn: str) -> Origin:
    """Return the one webhook there is, as its requests' origin."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select tenant_id, webhook_id, version from postern.webhooks"
        ).fetchone()
    if row is None:
        raise RuntimeError("there is no webhook")
    return Origin(
        tenant_id=row[0],
        webhook_id=row[1],
        webhook_version=row[2],
        secret_id=None,
        method="POST",
        path="/api/inbound/benchmark-0/rmm-0",
        source_address="192.0.2.7",
        idempotency_window_seconds=86400,
    )


async def record(dsn: str, origin: Origin, batch: Batch, producer: Producer | None) -> None:
    """Record a batch; with a producer, publish it and clear its outbox rows, as a gateway does."""
    pool = await create_pool(dsn, role=SYSTEM_ROLE, application_name="benchmark", size=2)
    async with pool:
        await _record(pool, origin, batch, producer)


async def _record(pool: Pool, origin: Origin, batch: Batch, producer: Producer | None) -> None:
    for rows in _rows(origin, batch):
        async with pool.acquire() as connection:
            await Recording(connection).record_accepted(rows, outbox_delay_seconds=0.0)
        if producer is not None:
            await producer.send([_queued(row) for row in rows])
    if producer is not None:
        await pool.execute(_CLEAR_OUTBOX, *batch.ids)


def _rows(origin: Origin, batch: Batch) -> Iterator[Sequence[AcceptedRow]]:
    end = batch.first + batch.count
    for start in range(batch.first, end, _BATCH):
        yield [_row(origin, batch, number) for number in range(start, min(start + _BATCH, end))]


def _row(origin: Origin, batch: Batch, number: int) -> AcceptedRow:
    delivery_id = batch.delivery_id(number)
    return AcceptedRow(
        delivery_id=delivery_id,
        origin=origin,
        received_ms=unix_ms(),
        headers=_HEADERS,
        body=_body(batch.device(number)),
        idempotency_key=f"evt-{delivery_id}",
        idempotency_fault=None,
    )


def _body(device: str) -> bytes:
    return orjson.dumps(
        {
            "event": {"type": "device.updated"},
            "organization": {"id": "org-1001", "name": "Northwind Traders"},
            "device": {
                "id": device,
                "hostname": f"ws-{device}",
                "status": "online",
                "hardware": {"serial_number": "SN-4CE1234567", "model": "EliteDesk 800 G9"},
                "site": "Building 7, second floor",
                "note": _NOTE,
            },
        }
    )


def _queued(row: AcceptedRow) -> QueuedDelivery:
    return QueuedDelivery(
        tenant_id=TenantId(row.origin.tenant_id),
        webhook_id=WebhookId(row.origin.webhook_id),
        delivery_id=DeliveryId(row.delivery_id),
        attempt=0,
        received_at=SystemClock().now(),
        headers=row.headers,
        body=row.body,
        idempotency_key=row.idempotency_key,
        ordering_key=None,
    )


async def prepare_for_a_round(dsn: str) -> None:
    """Leave no work of the seeding to the server."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("vacuum analyze", timeout=600)
    finally:
        await connection.close()
