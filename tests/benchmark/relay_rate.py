"""How fast relays drain the backlog of an outage into Kafka, in order per key.

The backlog lies in the outbox of a real PostgreSQL that flushes; the broker is real. Half of the
rows have one of a hundred ordering keys. What arrived is read back and compared.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import asyncpg
from aiokafka import AIOKafkaConsumer

from shared.database.migrate import migrate
from shared.database.pool import SYSTEM_ROLE, create_pool
from shared.domain.identifiers import DeliveryId
from shared.embedded.jars import prepare_jars
from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.postgres import EmbeddedPostgres
from shared.queue.connect import connect_outbox, connect_producer
from shared.queue.topics import ensure_topic
from shared.wire.delivery_v1 import decode
from tests.house import ROOT
from worker.maintenance.relay import Relay

_TOPIC = "relay-rate"
#: Twice what the outage's arrivals are taken to be, per second, with room.
_BOUND_PER_SECOND = 3000.0
_FILL = """
with rows as materialized (
    select ('00000000-0000-4000-8000-' || lpad(to_hex(n % 20), 12, '0'))::uuid as tenant_id,
           uuidv7() as delivery_id, case when n % 2 = 0 then 'key-' || n % 200 end as ordering_key
    from generate_series(1, $1::integer) n
), recorded as (
    insert into postern.deliveries (
        tenant_id, delivery_id, webhook_id, received_at, request_method, request_path,
        request_headers, request_body, source_address, auth_status, dispatch_status,
        response_status)
    select tenant_id, delivery_id, tenant_id, now(), 'POST', '/', 'content-type: application/json',
           convert_to(repeat('x', 944), 'UTF8'), '', 'verified', 'pending', 200
    from rows
)
insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key)
select tenant_id, delivery_id, now(), ordering_key from rows
"""


async def _drain(dsn: str, bootstrap: str, relays: int) -> float:
    """Run relays until the outbox is empty; return the seconds."""
    async with await create_pool(
        dsn,
        role=SYSTEM_ROLE,
        application_name="relay-benchmark",
        size=2 * relays + 1,
        keeps_plans=True,
    ) as pool:
        stop = asyncio.Event()
        began = perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(relays):
                producer = connect_producer(f"kafka://{bootstrap}", topic=_TOPIC, pool=pool)
                group.create_task(Relay(connect_outbox(pool), producer).run(stop))
            left = "select exists (select from postern.outbox)"
            while await pool.fetchval(left):  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.05)
            seconds = perf_counter() - began
            stop.set()
    return seconds


async def _arrived(bootstrap: str, rows: int) -> tuple[int, int]:
    """Return how many deliveries arrived, and how many came before an earlier one of their key."""
    consumer = AIOKafkaConsumer(_TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    seen: set[DeliveryId] = set()
    latest: defaultdict[tuple[object, str], int] = defaultdict(int)
    out_of_order = 0
    try:
        while len(seen) < rows:
            batches = await consumer.getmany(timeout_ms=10_000)
            if not batches:
                break
            for record in (record for batch in batches.values() for record in batch):
                delivery = decode(record.key, record.value, record.headers)
                seen.add(delivery.delivery_id)
                if delivery.ordering_key is not None:
                    key = (delivery.tenant_id, delivery.ordering_key)
                    out_of_order += delivery.delivery_id.int < latest[key]
                    latest[key] = max(latest[key], delivery.delivery_id.int)
    finally:
        await consumer.stop()
    return len(seen), out_of_order


async def _run(dsn: str, bootstrap: str, rows: int, relays: int) -> bool:
    await ensure_topic(bootstrap, _TOPIC)
    owner = await asyncpg.connect(dsn)
    await owner.execute(_FILL, rows, timeout=600)
    await owner.execute("vacuum analyze postern.outbox", timeout=600)
    await owner.close()
    seconds = await _drain(dsn, bootstrap, relays)
    arrived, out_of_order = await _arrived(bootstrap, rows)
    rate = rows / seconds
    is_kept = rate >= _BOUND_PER_SECOND and arrived == rows and out_of_order == 0
    print(
        f"{rows:,} rows, {relays} relays: {rate:,.0f}/s, {rows - arrived} missing, "
        f"{out_of_order} out of order   {'kept' if is_kept else 'MISSED'}"
    )
    return is_kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when the bound is missed."""
    parser = argparse.ArgumentParser(prog="tests.benchmark.relay_rate", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--relays", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedPostgres(Path(directory) / "data") as server,
        EmbeddedKafka(Path(directory) / "kafka", prepare_jars(ROOT, "kafka")) as broker,
    ):
        migrate(server.dsn())
        kept = asyncio.run(_run(server.dsn(), broker.bootstrap, chosen.rows, chosen.relays))
        return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
