"""What the others notice while one tenant sends twenty times its normal load.

Twenty tenants send at a steady pace to one worker that handles 8 deliveries at a time in 25 ms
each: 320 a second. Calm is 10 a second each, 200 in all. Then one sends 200 a second, which
is more than can be handled, and the others go on as before. Each delivery's time runs from its
recording to the end of its handling. With --kafka, deliveries go through a real broker.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from uuid import UUID

from shared.database.migrate import migrate
from shared.database.pool import SYSTEM_ROLE, Pool, create_pool
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, uuid7
from shared.embedded.jars import prepare_jars
from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.postgres import EmbeddedPostgres
from shared.queue.connect import POSTGRES_QUEUE_URL, connect_consumer, connect_producer
from shared.queue.port import PoisonRecord, Producer
from shared.queue.topics import ensure_topic
from tests.contract.ledger import make_delivery, record
from tests.house import ROOT
from worker.consumer import ConsumerLimits, ConsumerLoop

_TOPIC = "fairness"
_BOUND = 2.0
_TENANTS = [uuid7() for _ in range(20)]
_NOISY = _TENANTS[0]
_PER_SECOND = 10
_TIMES_NORMAL = 20
_CONCURRENCY = 8
_HANDLER_SECONDS = 0.025
_TICK_SECONDS = 0.02
_WARM_UP_SECONDS = 5.0


class Handler:
    """Takes a while for each delivery, and notes how long each took since its recording."""

    def __init__(self) -> None:
        self.recorded_at: dict[UUID, float] = {}
        self.seconds: defaultdict[UUID, list[tuple[float, float]]] = defaultdict(list)

    async def process(self, delivery: QueuedDelivery) -> None:
        """Handle one."""
        await asyncio.sleep(_HANDLER_SECONDS)
        now = perf_counter()
        recorded_at = self.recorded_at.pop(delivery.delivery_id, now)
        self.seconds[delivery.tenant_id].append((recorded_at, now - recorded_at))

    def others(self, since: float) -> list[float]:
        """Return the times of the calm tenants' deliveries that were recorded since a moment."""
        return [
            seconds
            for tenant in _TENANTS[1:]
            for recorded_at, seconds in self.seconds[tenant]
            if recorded_at >= since
        ]


async def _keep_poison(_: PoisonRecord) -> None:
    raise AssertionError("nothing here is poison")


async def _send(
    pool: Pool, producer: Producer, handler: Handler, *, seconds: float, noisy: int
) -> None:
    """Send at a steady pace: each tick's deliveries at once, as a gateway's batch."""
    credit = dict.fromkeys(_TENANTS, 0.0)
    began = perf_counter()
    tick = 0
    while perf_counter() - began < seconds:
        due: list[QueuedDelivery] = []
        for tenant in _TENANTS:
            times = noisy if tenant == _NOISY else 1
            credit[tenant] += times * _PER_SECOND * _TICK_SECONDS
            while credit[tenant] >= 1:
                credit[tenant] -= 1
                due.append(
                    replace(
                        make_delivery(),
                        tenant_id=TenantId(tenant),
                        delivery_id=DeliveryId(uuid7()),
                    )
                )
        await _record_and_send(pool, producer, handler, due)
        tick += 1
        await asyncio.sleep(max(0.0, began + tick * _TICK_SECONDS - perf_counter()))


async def _record_and_send(
    pool: Pool, producer: Producer, handler: Handler, due: Sequence[QueuedDelivery]
) -> None:
    now = perf_counter()
    handler.recorded_at.update({delivery.delivery_id: now for delivery in due})
    await record(pool, *due)
    await producer.send(due)


async def _phase(
    pool: Pool, producer: Producer, handler: Handler, *, seconds: float, noisy: int
) -> tuple[float, float]:
    """Return p50 and p99 of the others, in milliseconds, once the load has been on for a while."""
    since = perf_counter() + _WARM_UP_SECONDS
    await _send(pool, producer, handler, seconds=_WARM_UP_SECONDS + seconds, noisy=noisy)
    cuts = quantiles(handler.others(since), n=100)
    return cuts[49] * 1000, cuts[98] * 1000


async def _run(dsn: str, bootstrap: str | None, seconds: float) -> bool:
    url = POSTGRES_QUEUE_URL if bootstrap is None else f"kafka://{bootstrap}"
    if bootstrap is not None:
        await ensure_topic(bootstrap, _TOPIC)
    async with await create_pool(
        dsn, role=SYSTEM_ROLE, application_name="fairness-benchmark", size=6
    ) as pool:
        producer = connect_producer(url, topic=_TOPIC, pool=pool)
        handler = Handler()
        loop = ConsumerLoop(
            connect_consumer(url, topic=_TOPIC, pool=pool, concurrency=_CONCURRENCY),
            handler.process,
            keep_poison=_keep_poison,
            limits=ConsumerLimits(concurrency=_CONCURRENCY, drain_seconds=1.0),
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(loop.run(stop))
            calm = await _phase(pool, producer, handler, seconds=seconds, noisy=1)
            loud = await _phase(pool, producer, handler, seconds=seconds, noisy=_TIMES_NORMAL)
            stop.set()
        await producer.close()
    waiting = len(handler.recorded_at)
    ratio = loud[1] / calm[1]
    print(
        f"{'Kafka' if bootstrap else 'PostgreSQL'}: the others' p50 / p99 "
        f"{calm[0]:.0f} / {calm[1]:.0f} ms calm, {loud[0]:.0f} / {loud[1]:.0f} ms beside the "
        f"crowd ({waiting} of it wait): p99 {ratio:.2f} times   "
        f"{'kept' if ratio <= _BOUND else 'MISSED'}"
    )
    return ratio <= _BOUND


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when the bound is missed."""
    parser = argparse.ArgumentParser(prog="tests.benchmark.fairness", description=__doc__)
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--seconds", type=float, default=20.0)
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(EmbeddedPostgres(directory / "data"))
        migrate(server.dsn())
        bootstrap = None
        if chosen.kafka:
            broker = EmbeddedKafka(directory / "kafka", prepare_jars(ROOT, "kafka"))
            bootstrap = stack.enter_context(broker).bootstrap
        return 0 if asyncio.run(_run(server.dsn(), bootstrap, chosen.seconds)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
