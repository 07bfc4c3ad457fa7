"""Fills the ledger with deliveries of many days and webhooks, by SQL alone."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from shared.clock import SystemClock
from shared.domain.identifiers import lowest_uuid7_after

TENANT_ID = UUID("00000000-0000-7000-8000-000000000001")
_DAYS = 30
#: These get half of all deliveries.
BUSY_WEBHOOKS = 20

_TENANT = "insert into postern.tenants (tenant_id, slug, name) values ($1, 'bench', 'Benchmark')"
_WEBHOOKS = """
insert into postern.webhooks (tenant_id, webhook_id, name, slug, auth_type, handler_type)
select $1, ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Webhook ' || n,
       'webhook-' || n, 'hmac_sha256', 'direct_action'
from generate_series(0, $2::integer - 1) as n
"""
_DELIVERIES = """
insert into postern.deliveries (tenant_id, delivery_id, webhook_id, webhook_version, received_at,
    request_method, request_path, request_headers, request_body, source_address, idempotency_key,
    auth_status, dispatch_status, response_status, handler_outcome, duration_ms, completed_at)
select $1,
       (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' ||
        substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
       ('00000000-0000-7000-9000-' || lpad(to_hex(webhook), 12, '0'))::uuid, 1, at, 'POST',
       '/api/inbound/bench/webhook-' || webhook,
       convert_to(E'content-type: application/json\\r\\nuser-agent: rmm/4.2\\r\\n'
           'x-event-type: device.updated\\r\\n', 'UTF8'),
       convert_to('{"event": {"id": "e' || n || '", "kind": "device.updated"}, "device": {"id": '
           || '"d-' || n % 50000 || '", "name": "front-desk-' || n % 977
           || '", "os": "Windows 11"}}', 'UTF8'),
       '203.0.113.' || n % 250, 'e' || n,
       case when kind < 0.01 then 'rejected_signature' else 'verified' end,
       case when kind < 0.05 then 'failed' when kind < 0.06 then 'duplicate' else 'dispatched' end,
       case when kind < 0.01 then 401 else 200 end,
       case when kind < 0.05 then '{"error": "no client has this id", "code": "lookup_miss"}'
           else '{"action": "upsertAssetByExternalId", "entity_type": "asset", "message": '
               || '"asset updated", "external_id": "d-' || n % 50000 || '"}' end::json,
       4.2, at + interval '20 ms'
from (
    select n, random() as kind,
           $2::timestamptz + (n * $4::double precision) * interval '1 ms' as at,
           case when random() < 0.5 then floor(random() * $6::integer)::integer
               else floor(random() * $5::integer)::integer end as webhook
    from generate_series(0, $3::integer - 1) as n) made
"""


@dataclass(frozen=True, slots=True)
class _Day:
    starts_at: datetime
    ends_at: datetime
    count: int


async def seed_deliveries(dsn: str, *, count: int, webhook_count: int) -> None:
    """Fill an empty, migrated database; day by day, two days at a time."""
    owner = await asyncpg.connect(dsn)
    await owner.execute(_TENANT, TENANT_ID)
    await owner.execute(_WEBHOOKS, TENANT_ID, webhook_count)
    midnight = (
        SystemClock().now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    days = asyncio.Queue[_Day]()
    for ago in range(1, _DAYS + 1):
        starts_at = midnight - timedelta(days=ago)
        day = _Day(starts_at, starts_at + timedelta(days=1), count // _DAYS)
        await _make_partition(owner, day)
        days.put_nowait(day)
    await asyncio.gather(*(_fill(dsn, days, webhook_count) for _ in range(2)))
    await owner.execute("vacuum analyze postern.deliveries", timeout=900)
    await owner.close()


async def _make_partition(owner: asyncpg.Connection, day: _Day) -> None:
    first, end = (
        lowest_uuid7_after(moment - timedelta(microseconds=1))
        for moment in (day.starts_at, day.ends_at)
    )
    await owner.execute(
        f"create table if not exists postern.deliveries_{day.starts_at:%Y%m%d}"
        f" partition of postern.deliveries for values from ('{first}') to ('{end}')"
    )


async def _fill(dsn: str, days: asyncio.Queue[_Day], webhook_count: int) -> None:
    connection = await asyncpg.connect(dsn)
    while not days.empty():
        day = days.get_nowait()
        every_ms = 86_400_000 / day.count
        await connection.execute(
            _DELIVERIES,
            *(TENANT_ID, day.starts_at, day.count, every_ms, webhook_count, BUSY_WEBHOOKS),
            timeout=900,
        )
    await connection.close()
