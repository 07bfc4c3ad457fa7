"""How the system bears an outage of Kafka: what it accepts meanwhile, and how fast it catches up.

Run as ``python -m tests.benchmark.backlog_drain``. The broker is killed while signed events arrive
at a steady rate, and started again while they go on arriving. The backlog counts as drained when
nothing that came before the broker's return is unhandled. Exits with 1 when a bound is missed.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from time import perf_counter

from tests.benchmark.effects import Effects, Faults
from tests.benchmark.load import percentile
from tests.benchmark.memory_watch import MemoryWatch, meters_of
from tests.benchmark.outage import Mark, Outage, Story
from tests.benchmark.report import print_machine, print_table
from tests.benchmark.sequences import Arrivals
from tests.benchmark.steady import SteadyLoad
from tests.benchmark.system import System, running_system

_ORDERED_WEBHOOKS = 4
_MEMORY_EVERY_SECONDS = 5.0
_LOOK_SECONDS = 0.5
_BOUND_TIMES = 2.0
_MEGABYTE = 1_000_000

Row = tuple[str, str, str]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    arguments = _parser().parse_args(argv)
    with (
        running_system(
            kafka=True,
            gateways=arguments.gateways,
            workers=arguments.workers,
            ordered_count=_ORDERED_WEBHOOKS,
        ) as system,
        Effects(system.stack.database_url) as effects,
    ):
        print_machine(system.stack.plan.directory)
        arrivals = Arrivals(
            [hook.target for hook in system.plain],
            [hook.target for hook in system.ordered],
            ordered_share=arguments.ordered_share,
        )
        with (
            MemoryWatch(meters_of(system), every_seconds=_MEMORY_EVERY_SECONDS) as memory,
            SteadyLoad(system.gateway_ports, arrivals.next, per_second=arguments.rate) as load,
        ):
            story = Outage(system, load, effects).run(
                arguments.minutes * 60, calm_after=arguments.calm_after
            )
        _wait_quiet(effects, limit_seconds=120 + 6 * 60 * arguments.minutes)
        faults = effects.faults(arrivals.accepted)
        kept = _report(arguments, story, load, faults)
        _report_detours(system)
        _report_costs(story, memory)
        if arrivals.late_lines:
            print(f"all lines were waiting for their answer {arrivals.late_lines} times")
    print("kept" if kept else "MISSED")
    return 0 if kept else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark.backlog_drain", description=__doc__
    )
    parser.add_argument("--rate", type=float, default=500.0, help="arrivals per second")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the outage")
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--ordered-share", type=float, default=0.2, help="of the events, in order per key"
    )
    parser.add_argument(
        "--calm-after",
        action="store_true",
        help="arrivals end, but for one a second, when the broker is back",
    )
    return parser


def _wait_quiet(effects: Effects, *, limit_seconds: float) -> None:
    deadline = perf_counter() + limit_seconds
    while effects.pending_count() and perf_counter() < deadline:
        time.sleep(_LOOK_SECONDS)


def _report(arguments: argparse.Namespace, story: Story, load: SteadyLoad, faults: Faults) -> bool:
    """Print what was promised beside what was found; return whether it was kept."""
    refused = sum(load.refusals.values())
    times = story.work_per_second / arguments.rate
    handled = story.handled_per_second / arguments.rate
    rows: list[Row] = [
        ("answers", f"{load.answer_count:,}", ""),
        ("answers other than 2xx", f"{refused} {dict(load.refusals) or ''}", "exactly 0"),
        ("accepted events without effect", str(faults.lost), "exactly 0"),
        ("events with several effects", str(faults.doubled), "exactly 0"),
        ("effects out of their key's order", str(faults.out_of_order), "exactly 0"),
        *_ack_rows(story, load),
        ("backlog at the broker's return", f"{story.returned.pending:,}", ""),
        (
            "seconds until nothing older waited",
            f"{'' if story.is_drained else 'not within '}{story.drain_seconds:.1f}",
            "",
        ),
        (
            "(backlog + arrivals) / that time, times the rate of arrival",
            f"{times:.2f}: {story.work_per_second:,.0f}/s",
            f"{_BOUND_TIMES:.2f} or more",
        ),
        (
            "handled in that time, times the rate of arrival",
            f"{handled:.2f}: {story.handled_per_second:,.0f}/s",
            f"{_BOUND_TIMES:.2f} or more",
        ),
        ("waiting then", f"{story.drained.pending:,}", ""),
    ]
    title = (
        f"Kafka away for {arguments.minutes:g} minutes at {arguments.rate:g} arrivals per second, "
        f"{arguments.ordered_share:.0%} of them in order per key; "
        f"{arguments.gateways} gateways, {arguments.workers} workers"
        + (", hardly an arrival after" if arguments.calm_after else "")
    )
    print_table(title, rows, result="result")
    is_exact = not (refused or any(faults))
    return is_exact and story.is_drained and min(times, handled) >= _BOUND_TIMES


def _ack_rows(story: Story, load: SteadyLoad) -> list[Row]:
    stretches = {
        "away": (story.killed.at, story.returned.at),
        "the backlog drained": (story.returned.at, story.drained.at),
    }
    rows = []
    for name, (since, until) in stretches.items():
        taken = load.latencies_ms(since, until)
        p50, p99, most = (percentile(taken, rank) for rank in (50, 99, 100))
        rows.append(
            (f"ack p50 / p99 / most while {name}, ms", f"{p50:.1f} / {p99:.1f} / {most:.0f}", "")
        )
    return rows


def _report_detours(system: System) -> None:
    """Print what took another way than from a queue to its end."""
    series = {
        "parked until their turn came": 'postern_worker_deliveries_total{outcome="parked"}',
        "copies of what was settled": 'postern_worker_deliveries_total{outcome="stale"}',
        "taken for lost and queued again": "postern_worker_reconciled_total",
    }
    print_table(
        "deliveries that took a detour",
        [(name, f"{system.total('worker', one):,.0f}", "") for name, one in series.items()],
        result="count",
    )


def _report_costs(story: Story, memory: MemoryWatch) -> None:
    print_table(
        "memory, MB",
        [
            (name, _course([one.size for one in samples]), "")
            for name, samples in memory.samples.items()
        ],
        result="start / most / end",
    )
    phases = ((story.killed, story.returned), (story.returned, story.drained))
    print_table(
        "cores used",
        [
            (name, " / ".join(f"{_cores(*phase, name):.2f}" for phase in phases), "")
            for name in story.drained.cpu
        ],
        result="while Kafka was away / while the backlog drained",
    )


def _course(sizes: Sequence[int]) -> str:
    return " / ".join(f"{size / _MEGABYTE:.0f}" for size in (sizes[0], max(sizes), sizes[-1]))


def _cores(since: Mark, until: Mark, name: str) -> float:
    # The broker is another process after its return.
    used = until.cpu[name] - since.cpu[name]
    return max(used, 0.0) / (until.at - since.at)


if __name__ == "__main__":
    sys.exit(main())
