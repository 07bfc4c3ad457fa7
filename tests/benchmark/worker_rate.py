"""One worker's rate beside pgbench's, which runs the worker's own statements, by turns.

Each half handles as many recorded deliveries of one webhook, an asset upsert with six mapped
fields: first a worker process, then pgbench with as many clients as the worker has deliveries in
hand, or the other way round. Both rates are those of the middle eight tenths, by the moments of
completion in the ledger. Run as ``python -m tests.benchmark.worker_rate``; ``--kafka`` has the
worker take them from a real broker, ``--devices 500`` has both write the same rows again.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from deploy.local.program import Program
from deploy.local.stack import Stack
from shared.crypto.keyring import parse_keyring
from shared.database.pool import SYSTEM_ROLE, create_pool
from shared.ledger.recording import Origin
from shared.queue.connect import connect_producer
from tests.benchmark import replay, usage
from tests.benchmark.load import InvalidRun
from tests.benchmark.recorded import Batch, id_prefix, origin_of, prepare_for_a_round, record
from tests.benchmark.report import print_machine, print_table, spread
from tests.benchmark.rig import running_servers, worker_program
from tests.benchmark.seeding import seed_tenant

_BOUND = 0.4
_FIELD_MAPPING = {
    "external_id": "device.id",
    "name": "device.hostname",
    "asset_type": "'workstation'",
    "status": "device.status",
    "serial_number": "device.hardware.serial_number",
    "location": "device.site",
}
_LONGEST_SECONDS = 300
_LOOK_SECONDS = 0.25
_LEFT = """
select exists (select from postern.deliveries
               where dispatch_status = 'pending' and delivery_id between %s and %s)
"""
_STEADY = """
select count(*), extract(epoch from percentile_disc(0.9) within group (order by completed_at)
                                  - percentile_disc(0.1) within group (order by completed_at))
from postern.deliveries where dispatch_status = 'dispatched' and delivery_id between %s and %s
"""
_ASSETS = """
select count(*)
from postern.external_entity_mappings m join psa.assets a on a.asset_id = m.entity_id
where m.external_id like %s
"""
_OUTBOX = "select count(*) from postern.outbox"


@dataclass(frozen=True, slots=True)
class Half:
    """What one side did; CPU in milliseconds per 1000 deliveries."""

    per_second: float
    cpu: float
    postgres_cpu: float


@dataclass(frozen=True, slots=True)
class Round:
    """The worker beside pgbench."""

    worker: Half
    pgbench: Half

    @property
    def ratio(self) -> float:
        """The worker's rate as a part of pgbench's."""
        return self.worker.per_second / self.pgbench.per_second

    def __str__(self) -> str:
        ours, yardstick = self.worker, self.pgbench
        return (
            f"{ours.per_second:.0f} / {yardstick.per_second:.0f} = {self.ratio:.2f}, CPU "
            f"worker {ours.cpu:.0f} + PostgreSQL {ours.postgres_cpu:.0f} beside "
            f"{yardstick.postgres_cpu:.0f}"
        )


class SideBySide:
    """Runs rounds on one server, each half on deliveries of its own."""

    def __init__(self, stack: Stack, origin: Origin, arguments: argparse.Namespace) -> None:
        self._stack = stack
        self._origin = origin
        self._count: int = arguments.deliveries - arguments.deliveries % arguments.concurrency
        self._devices: int | None = arguments.devices
        self._concurrency: int = arguments.concurrency
        self._prefix = id_prefix()
        self._next = 1
        self.requests: Sequence[replay.Request] = ()
        self._example = self._batch("example", 2)

    def learn(self) -> None:
        """Have a worker handle two deliveries, and keep what it sent for the second."""
        dsn = self._stack.database_url
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(replay.LOG_EVERYTHING)
            connection.execute("select pg_reload_conf()")
            asyncio.run(self._record(self._example))
            self._handle(self._example, name="learner")
            connection.execute(replay.LOG_NOTHING)
            connection.execute("select pg_reload_conf()")
        log_dir = self._stack.postgres.data_dir / "log"
        second = replace(self._example, first=self._example.first + 1, count=1)
        self.requests = replay.requests_of(log_dir, second.ids[0])
        self._example = second

    def round(self, *, worker_first: bool) -> Round:
        """Measure both, one after the other."""
        if worker_first:
            return Round(self._worker(), self._pgbench())
        yardstick = self._pgbench()
        return Round(self._worker(), yardstick)

    def _batch(self, family: str, count: int) -> Batch:
        batch = Batch(
            prefix=self._prefix,
            first=self._next,
            count=count,
            devices=self._devices or 10**8,
            family=family,
        )
        self._next += count
        return batch

    def _worker(self) -> Half:
        batch = self._batch("byworker", self._count)
        asyncio.run(self._record(batch))
        return self._handle(batch)

    def _handle(self, batch: Batch, name: str = "worker") -> Half:
        worker = worker_program(self._stack, name, {"concurrency": str(self._concurrency)})
        postgres = self._postgres_pid()
        before = usage.cpu_seconds(postgres)
        worker.start()
        try:
            worker.wait_ready()
            self._await_end(batch, worker)
            cpu = usage.cpu_seconds(worker.pid)
        finally:
            worker.stop()
        return self._half(batch, cpu, usage.cpu_seconds(postgres) - before)

    def _pgbench(self) -> Half:
        batch = self._batch("pgbenchs", self._count)
        asyncio.run(self._record(batch, publish=False))
        if self._stack.kafka is not None:
            self._clear_outbox()
        script = Path(self._stack.plan.directory) / "pgbench.sql"
        script.write_text(
            replay.pgbench_script(
                self.requests,
                self._example,
                batch,
                known_ids=[str(self._origin.tenant_id), str(self._origin.webhook_id)],
            )
        )
        postgres = self._postgres_pid()
        before = usage.cpu_seconds(postgres)
        run = replay.run_pgbench(
            self._stack.database_url, script, batch, clients=self._concurrency
        )
        if run.transactions != batch.count or run.failed:
            raise InvalidRun(f"pgbench did {run}")
        return self._half(batch, 0.0, usage.cpu_seconds(postgres) - before)

    def _half(self, batch: Batch, cpu: float, postgres_cpu: float) -> Half:
        """Return the figures of a half, unless it left something undone.

        Raises:
            InvalidRun: A delivery without its effect, or one that is still queued.
        """
        with psycopg.connect(self._stack.database_url) as connection:
            done, seconds = connection.execute(_STEADY, batch.ids).fetchone() or (0, None)
            assets = (connection.execute(_ASSETS, (f"{batch.family}-%",)).fetchone() or (0,))[0]
            queued = (connection.execute(_OUTBOX).fetchone() or (0,))[0]
        expected = min(batch.count, batch.devices)
        if done != batch.count or assets < expected or queued:
            raise InvalidRun(
                f"of {batch.count} deliveries {done} dispatched, {assets} assets, {queued} queued"
            )
        per_thousand = 1e6 / batch.count
        return Half(
            batch.count * 0.8 / float(seconds), cpu * per_thousand, postgres_cpu * per_thousand
        )

    async def _record(self, batch: Batch, *, publish: bool = True) -> None:
        dsn = self._stack.database_url
        if self._stack.kafka is None or not publish:
            await record(dsn, self._origin, batch, None)
        else:
            environment = self._stack.shared_environment()
            pool = await create_pool(dsn, role=SYSTEM_ROLE, application_name="benchmark", size=1)
            producer = connect_producer(
                environment["POSTERN_QUEUE_URL"],
                topic=environment["POSTERN_KAFKA_TOPIC"],
                pool=pool,
            )
            try:
                await record(dsn, self._origin, batch, producer)
            finally:
                await producer.close()
                await pool.close()
        await prepare_for_a_round(dsn)

    def _clear_outbox(self) -> None:
        with psycopg.connect(self._stack.database_url) as connection:
            connection.execute("delete from postern.outbox")

    def _await_end(self, batch: Batch, worker: Program) -> None:
        deadline = time.monotonic() + _LONGEST_SECONDS
        with psycopg.connect(self._stack.database_url, autocommit=True) as connection:
            while (connection.execute(_LEFT, batch.ids).fetchone() or (False,))[0]:
                if time.monotonic() > deadline:
                    raise InvalidRun(f"the worker did not finish:\n{worker.log_tail()}")
                time.sleep(_LOOK_SECONDS)  # PostgreSQL tells nobody, and looking costs

    def _postgres_pid(self) -> int:
        if self._stack.postgres.pid is None:
            raise RuntimeError("PostgreSQL does not run")
        return self._stack.postgres.pid


def measure(arguments: argparse.Namespace) -> list[Round]:
    """Measure rounds; print each as it ends."""
    with running_servers(kafka=arguments.kafka, postgres_settings=replay.LOG_SETTINGS) as stack:
        seed_tenant(
            stack.database_url,
            parse_keyring(stack.plan.master_keys),
            slug="benchmark-0",
            webhook_count=1,
            field_mapping=_FIELD_MAPPING,
        )
        print_machine(stack.plan.directory)
        side_by_side = SideBySide(stack, origin_of(stack.database_url), arguments)
        side_by_side.learn()
        print(f"{len(side_by_side.requests)} round trips for each delivery", flush=True)
        if arguments.show:
            for number, request in enumerate(side_by_side.requests, start=1):
                for statement in request:
                    print(f"{number}: {statement.text}\n    {statement.parameters}")
        rounds = []
        for number in range(arguments.rounds):
            rounds.append(side_by_side.round(worker_first=number % 2 == 0))
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
        return rounds


def report(rounds: Sequence[Round], arguments: argparse.Namespace) -> bool:
    """Print the table; return whether the bound is kept."""

    def of(read: Callable[[Round], float], form: str = ".0f") -> str:
        return spread([read(one) for one in rounds], form)

    rows = "distinct rows" if arguments.devices is None else f"{arguments.devices} rows"
    print_table(
        f"worker rate {'with' if arguments.kafka else 'without'} Kafka, {rows}",
        [
            ("worker / pgbench", of(lambda one: one.ratio, ".2f"), f"{_BOUND} or more"),
            ("worker, deliveries per second", of(lambda one: one.worker.per_second), ""),
            ("pgbench, the same per second", of(lambda one: one.pgbench.per_second), ""),
            ("worker, CPU ms per 1000", of(lambda one: one.worker.cpu), ""),
            ("its PostgreSQL, CPU ms per 1000", of(lambda one: one.worker.postgres_cpu), ""),
            (
                "pgbench's PostgreSQL, CPU ms per 1000",
                of(lambda one: one.pgbench.postgres_cpu),
                "",
            ),
        ],
    )
    return sorted(one.ratio for one in rounds)[len(rounds) // 2] >= _BOUND


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status: 1 when the bound is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark.worker_rate", description=__doc__
    )
    parser.add_argument("--kafka", action="store_true", help="deliveries come over a real broker")
    parser.add_argument("--deliveries", type=int, default=20_000, help="of each half of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--devices", type=int, help="so many, instead of one for each delivery")
    parser.add_argument("--show", action="store_true", help="print the statements")
    arguments = parser.parse_args(argv)
    return 0 if report(measure(arguments), arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
