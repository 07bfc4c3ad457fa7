"""Time from a request to its durable acknowledgement, at half of the highest accept rate.

Run as ``python -m tests.benchmark.ack_latency``. Half of the rate is found anew in each run;
requests are then sent at a steady pace, and each one's time counts from when it was due.
"""

import argparse
import sys
from collections.abc import Sequence
from statistics import median

from tests.benchmark import bare, usage
from tests.benchmark.events import requests
from tests.benchmark.load import full_load, paced_load, percentile
from tests.benchmark.report import print_machine, print_table, spread
from tests.benchmark.rig import BareServer, Rig, running_bare_server, running_rig

_WEBHOOK_COUNT = 20
_CONNECTIONS = 64
_MOST_PER_SECOND = 40_000
_HIGHEST_RATE_ROUNDS = 3


def highest_rate(rig: Rig, *, seconds: int) -> float:
    """Return the median accept rate of a few rounds under full load, after one to warm up."""
    rates = []
    for _ in range(_HIGHEST_RATE_ROUNDS + 1):
        load = full_load(
            rig.port,
            rig.targets,
            connection_count=_CONNECTIONS,
            seconds=seconds,
            most_per_second=_MOST_PER_SECOND,
        )
        rates.append(load.per_second)
        usage.wait_until_idle(rig.gateway.pid, rig.postgres_pid)
    return median(rates[1:])


def latencies(
    rig: Rig, port: int, *, per_second: float, seconds: int, path: str | None = None
) -> list[float]:
    """Return the milliseconds that each request of one paced run took."""
    prepared = list(requests(rig.targets, int(per_second * seconds), path=path))
    run = paced_load(port, prepared, per_second=per_second)
    usage.wait_until_idle(rig.gateway.pid, rig.postgres_pid)
    return [taken * 1000 for taken in run.latencies]


def measure(
    rig: Rig, yardstick: BareServer, *, per_second: float, seconds: int, round_count: int
) -> None:
    """Measure rounds at one pace and print the table."""
    ours, floor = [], []
    for _ in range(round_count):
        ours.append(latencies(rig, rig.port, per_second=per_second, seconds=seconds))
        floor.append(
            latencies(rig, yardstick.port, per_second=per_second, seconds=seconds, path=bare.PATH)
        )

    def ranked(rounds: Sequence[Sequence[float]], rank: float) -> str:
        return spread([percentile(one, rank) for one in rounds], ".1f")

    print_table(
        f"ack latency at {per_second:.0f} requests per second",
        [
            ("p50 ms", ranked(ours, 50), ""),
            ("p99 ms", ranked(ours, 99), "25 or less"),
            ("p99.9 ms", ranked(ours, 99.9), ""),
            ("bare Starlette, p50 ms (pacing alone costs up to 1)", ranked(floor, 50), ""),
            ("bare Starlette, p99 ms", ranked(floor, 99), ""),
        ],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark.ack_latency", description=__doc__
    )
    parser.add_argument("--kafka", action="store_true", help="publish to a real broker as well")
    parser.add_argument("--seconds", type=int, default=10, help="of each paced run")
    parser.add_argument("--full-seconds", type=int, default=4, help="of each run at full load")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    with (
        running_rig(webhook_count=_WEBHOOK_COUNT, kafka=arguments.kafka) as rig,
        running_bare_server() as yardstick,
    ):
        print_machine(rig.stack.plan.directory)
        rate = highest_rate(rig, seconds=arguments.full_seconds)
        print(f"highest accept rate: {rate:.0f} per second", flush=True)
        measure(
            rig,
            yardstick,
            per_second=rate / 2,
            seconds=arguments.seconds,
            round_count=arguments.rounds,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
