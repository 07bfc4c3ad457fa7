"""How many workflows one worker process starts in a second, with DBOS in the ledger's database.

Each round records deliveries of a webhook whose handler is a workflow of one step, and has one
worker process handle them. It starts their runs and carries them on at the same time, as in
production; both rates are given, each that of the middle eight tenths, by the moments in the
ledger. A round counts only if every delivery is dispatched, has exactly one run, and every run
succeeded and is told of at its delivery. Run as ``python -m tests.benchmark.workflow_starts``.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg

from deploy.local.program import ROOT, Program
from deploy.local.stack import Stack
from deploy.local.workflow_distribution import install_workflows
from shared.database.migrate import migrate_workflow_engine
from shared.domain.identifiers import uuid7
from shared.ledger.recording import Origin
from tests.benchmark import usage
from tests.benchmark.load import InvalidRun
from tests.benchmark.recorded import Batch, id_prefix, origin_of, prepare_for_a_round, record
from tests.benchmark.report import print_machine, print_table, spread
from tests.benchmark.rig import running_servers, worker_program

_BOUND = 150
_LONGEST_SECONDS = 240
_LOOK_SECONDS = 0.25
_TENANT = "insert into postern.tenants (tenant_id, slug, name) values (%s, %s, %s)"
_WEBHOOK = """
insert into postern.webhooks (
    tenant_id, webhook_id, name, slug, auth_type, handler_type, handler_config)
values (%s, %s, 'noting', 'noting', 'bearer', 'workflow', '{"workflow": "noting"}')
"""
_UNTOLD = """
select (select count(*) from postern.deliveries
        where delivery_id between %(first)s and %(last)s and dispatch_status = 'pending')
     + (select count(*) from postern.workflow_runs
        where delivery_id between %(first)s and %(last)s and ended_at is null)
"""
_STARTED = """
select count(*), extract(epoch from percentile_disc(0.9) within group (order by completed_at)
                                  - percentile_disc(0.1) within group (order by completed_at))
from postern.deliveries
where dispatch_status = 'dispatched' and delivery_id between %(first)s and %(last)s
"""
_ENDED = """
select count(*), (percentile_disc(0.9) within group (order by s.completed_at)
                - percentile_disc(0.1) within group (order by s.completed_at)) / 1000.0
from dbos.workflow_status s
join postern.workflow_runs r on r.run_id = s.workflow_uuid
where s.status = 'SUCCESS' and r.status = 'succeeded' and r.result is not null
  and r.delivery_id between %(first)s and %(last)s
"""
_RUNS = "select count(*), 0 from dbos.workflow_status"


@dataclass(frozen=True, slots=True)
class Round:
    """What one worker did; CPU in milliseconds per 1000 deliveries."""

    started_per_second: float
    ended_per_second: float
    cpu: float
    postgres_cpu: float

    def __str__(self) -> str:
        return (
            f"{self.started_per_second:.0f} started and {self.ended_per_second:.0f} ended a "
            f"second, CPU worker {self.cpu:.0f} + PostgreSQL {self.postgres_cpu:.0f}"
        )


class Workflows:
    """Runs rounds on one server, each on deliveries of its own."""

    def __init__(self, stack: Stack, origin: Origin, arguments: argparse.Namespace) -> None:
        self._stack = stack
        self._origin = origin
        self._count: int = arguments.deliveries
        self._concurrency: int = arguments.concurrency
        self._prefix = id_prefix()
        self._next = 1

    def round(self) -> Round:
        """Record deliveries, have a worker handle them, and look at what is there."""
        batch = Batch(
            prefix=self._prefix,
            first=self._next,
            count=self._count,
            devices=10**8,
            family="workflow",
        )
        self._next += self._count
        dsn = self._stack.database_url
        asyncio.run(record(dsn, self._origin, batch, None))
        asyncio.run(prepare_for_a_round(dsn))
        worker = worker_program(self._stack, "worker", {"concurrency": str(self._concurrency)})
        worker.environment["PYTHONPATH"] = f"{ROOT}:{self._stack.plan.directory}"
        before = usage.cpu_seconds(self._postgres_pid())
        worker.start()
        try:
            worker.wait_ready()
            self._await_end(batch, worker)
            cpu = usage.cpu_seconds(worker.pid)
        finally:
            worker.stop()
        return self._result(batch, cpu, usage.cpu_seconds(self._postgres_pid()) - before)

    def _result(self, batch: Batch, cpu: float, postgres_cpu: float) -> Round:
        """Return the figures of a round, unless something is missing or there twice.

        Raises:
            InvalidRun: A delivery has not exactly one run that succeeded and is told of.
        """
        started, start_seconds = self._ask(batch, _STARTED)
        ended, end_seconds = self._ask(batch, _ENDED)
        runs, _ = self._ask(batch, _RUNS)
        if (started, ended, runs) != (batch.count, batch.count, self._next - 1):
            raise InvalidRun(
                f"of {batch.count} deliveries {started} dispatched, {ended} runs succeeded; "
                f"{runs} runs in all"
            )
        per_thousand = 1e6 / batch.count
        return Round(
            batch.count * 0.8 / start_seconds,
            batch.count * 0.8 / end_seconds,
            cpu * per_thousand,
            postgres_cpu * per_thousand,
        )

    def _ask(self, batch: Batch, query: LiteralString) -> tuple[int, float]:
        with psycopg.connect(self._stack.database_url) as connection:
            first, last = batch.ids
            row = connection.execute(query, {"first": first, "last": last}).fetchone()
        return (0, 0.0) if row is None else (int(row[0]), float(row[1] or 0.0))

    def _await_end(self, batch: Batch, worker: Program) -> None:
        deadline = time.monotonic() + _LONGEST_SECONDS
        with psycopg.connect(self._stack.database_url, autocommit=True) as connection:
            first, last = batch.ids
            ids = {"first": first, "last": last}
            while (connection.execute(_UNTOLD, ids).fetchone() or (1,))[0]:
                if time.monotonic() > deadline:
                    raise InvalidRun(f"the worker did not finish:\n{worker.log_tail()}")
                time.sleep(_LOOK_SECONDS)  # PostgreSQL tells nobody, and looking costs

    def _postgres_pid(self) -> int:
        if self._stack.postgres.pid is None:
            raise RuntimeError("PostgreSQL does not run")
        return self._stack.postgres.pid


def measure(arguments: argparse.Namespace) -> list[Round]:
    """Measure rounds; print each as it ends."""
    with running_servers(kafka=False) as stack:
        migrate_workflow_engine(stack.database_url)
        install_workflows(stack.plan.directory, "tests.benchmark.noting")
        tenant_id = uuid7()
        with psycopg.connect(stack.database_url) as connection:
            connection.execute(_TENANT, (tenant_id, "benchmark-0", "Benchmark"))
            connection.execute(_WEBHOOK, (tenant_id, uuid7()))
        print_machine(stack.plan.directory)
        workflows = Workflows(stack, origin_of(stack.database_url), arguments)
        rounds = []
        for number in range(arguments.rounds):
            rounds.append(workflows.round())
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
        return rounds


def report(rounds: Sequence[Round]) -> bool:
    """Print the table; return whether the bound is kept."""

    def of(read: Callable[[Round], float]) -> str:
        return spread([read(one) for one in rounds], ".0f")

    print_table(
        "workflows, DBOS, one worker process",
        [
            ("started per second", of(lambda one: one.started_per_second), f"{_BOUND} or more"),
            ("carried to the end per second", of(lambda one: one.ended_per_second), ""),
            ("worker, CPU ms per 1000", of(lambda one: one.cpu), ""),
            ("PostgreSQL, CPU ms per 1000", of(lambda one: one.postgres_cpu), ""),
        ],
    )
    return sorted(one.started_per_second for one in rounds)[len(rounds) // 2] >= _BOUND


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status: 1 when the bound is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark.workflow_starts", description=__doc__
    )
    parser.add_argument("--deliveries", type=int, default=3000, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=32)
    return 0 if report(measure(parser.parse_args(argv))) else 1


if __name__ == "__main__":
    sys.exit(main())
