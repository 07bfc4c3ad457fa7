"""Time from a request's arrival to the end of its effect, at a steady pace of signed requests.

One gateway, one or more workers. The time is the ledger's own: from ``received_at``, which the
gateway takes from its clock when the request comes, to ``completed_at``, which PostgreSQL takes
from its clock as the last before the commit of effect and outcome; both clocks are this host's.
Run as ``python -m tests.benchmark.effect_latency``; ``--kafka`` goes over a real broker.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import psycopg

from deploy.local.program import Program
from tests.benchmark import usage
from tests.benchmark.events import requests
from tests.benchmark.load import InvalidRun, paced_load
from tests.benchmark.report import print_machine, print_table, spread
from tests.benchmark.rig import Rig, running_rig, worker_program

_WEBHOOK_COUNT = 20
_BOUND_P50_MS = 25.0
_BOUND_P99_MS = 100.0
#: Each event is about an asset of its own.
_FIELD_MAPPING = {
    "external_id": "event.id",
    "name": "device.hostname",
    "asset_type": "'workstation'",
    "status": "device.status",
    "serial_number": "device.hardware.serial_number",
    "location": "organization.name",
}
_LONGEST_SECONDS = 60
_LOOK_SECONDS = 0.25
_LEFT = "select exists (select from postern.deliveries where dispatch_status = 'pending')"
_TIMES = """
select count(*) filter (where dispatch_status = 'dispatched'), count(*),
       percentile_disc(array[0.5, 0.9, 0.99, 0.999]) within group (
           order by extract(epoch from completed_at - received_at) * 1000)
from postern.deliveries where received_at >= %s
"""


@dataclass(frozen=True, slots=True)
class Round:
    """One paced run: milliseconds at four ranks, and who used how much of a core."""

    ranks: Sequence[float]
    shares: dict[str, float]

    def __str__(self) -> str:
        p50, p90, p99, p999 = self.ranks
        shares = ", ".join(f"{name} {share:.0%}" for name, share in self.shares.items())
        return f"p50 {p50:.1f}, p90 {p90:.1f}, p99 {p99:.1f}, p99.9 {p999:.1f} ms; {shares}"


def _run(rig: Rig, workers: Sequence[Program], *, per_second: float, seconds: int) -> Round:
    roots = {
        "gateway": [rig.gateway.pid],
        "workers": [worker.pid for worker in workers],
        "PostgreSQL": [rig.postgres_pid],
    }
    if rig.stack.kafka is not None and rig.stack.kafka.pid is not None:
        roots["Kafka"] = [rig.stack.kafka.pid]
    prepared = list(requests(rig.targets, int(per_second * seconds)))
    before = {name: sum(map(usage.cpu_seconds, pids)) for name, pids in roots.items()}
    with psycopg.connect(rig.stack.database_url, autocommit=True) as connection:
        since: datetime = (connection.execute("select now()").fetchone() or ())[0]
        paced_load(rig.port, prepared, per_second=per_second)
        shares = {
            name: (sum(map(usage.cpu_seconds, pids)) - before[name]) / seconds
            for name, pids in roots.items()
        }
        _await_end(connection)
        done, count, ranks = connection.execute(_TIMES, (since,)).fetchone() or (0, 0, ())
    if done != count or count != len(prepared):
        raise InvalidRun(f"of {len(prepared)} requests {count} recorded, {done} dispatched")
    return Round([float(rank) for rank in ranks], shares)


def _await_end(connection: psycopg.Connection) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while (connection.execute(_LEFT).fetchone() or (False,))[0]:
        if time.monotonic() > deadline:
            raise InvalidRun("the workers did not finish")
        time.sleep(_LOOK_SECONDS)  # PostgreSQL tells nobody, and looking costs


def measure(arguments: argparse.Namespace) -> list[Round]:
    """Measure rounds; print each as it ends."""
    with (
        running_rig(
            webhook_count=_WEBHOOK_COUNT, kafka=arguments.kafka, field_mapping=_FIELD_MAPPING
        ) as rig,
        ExitStack() as undo,
    ):
        settings = dict(setting.split("=", 1) for setting in arguments.setting)
        workers = [
            worker_program(rig.stack, f"worker-{number}", settings)
            for number in range(arguments.workers)
        ]
        for worker in workers:
            undo.callback(worker.stop)
            worker.start()
        for worker in workers:
            worker.wait_ready()
        print_machine(rig.stack.plan.directory)
        pace = float(arguments.per_second)
        _run(rig, workers, per_second=pace, seconds=3)  # warm-up, not counted
        rounds = []
        for number in range(arguments.rounds):
            rounds.append(_run(rig, workers, per_second=pace, seconds=arguments.seconds))
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
        return rounds


def report(rounds: Sequence[Round], arguments: argparse.Namespace) -> bool:
    """Print the table; return whether the bounds are kept at the median round."""
    p50, p90, p99, p999 = ([one.ranks[rank] for one in rounds] for rank in range(4))
    shares = [
        (f"{name}, part of a core", spread([one.shares[name] for one in rounds]), "")
        for name in rounds[0].shares
    ]
    print_table(
        f"arrival to effect at {arguments.per_second} per second "
        f"{'with' if arguments.kafka else 'without'} Kafka, {arguments.workers} worker(s)",
        [
            ("p50 ms", spread(p50, ".1f"), f"{_BOUND_P50_MS:g} or less"),
            ("p90 ms", spread(p90, ".1f"), ""),
            ("p99 ms", spread(p99, ".1f"), f"{_BOUND_P99_MS:g} or less"),
            ("p99.9 ms", spread(p999, ".1f"), ""),
            *shares,
        ],
    )
    return median(p50) <= _BOUND_P50_MS and median(p99) <= _BOUND_P99_MS


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status: 1 when a bound is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark.effect_latency", description=__doc__
    )
    parser.add_argument("--kafka", action="store_true", help="deliveries go over a real broker")
    parser.add_argument("--per-second", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=10, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--setting", action="append", default=[], help="of the workers, such as concurrency=16"
    )
    arguments = parser.parse_args(argv)
    return 0 if report(measure(arguments), arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
