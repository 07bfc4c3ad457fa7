"""Memory of every process over minutes at a part of what the system can handle.

Run as ``python -m tests.benchmark.soak``; ``--kafka`` sends through a real broker. First the
highest rate that is handled is found. A process is flat when the median of its last tenth is at
most 5 % above that of its first tenth after the warm-up. Exits with 1 when one is not, or when an
answer was not the right one.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from statistics import linear_regression, median
from time import perf_counter

from tests.benchmark.capacity import find_capacity
from tests.benchmark.effects import Effects
from tests.benchmark.everyday import EverydayMix, People
from tests.benchmark.load import percentile
from tests.benchmark.memory_watch import MemoryWatch, Sample, meters_of
from tests.benchmark.report import print_machine, print_table
from tests.benchmark.sequences import Arrivals
from tests.benchmark.steady import SteadyLoad
from tests.benchmark.system import System, running_system

_ORDERED_WEBHOOKS = 4
_ORDERED_SHARE = 0.2
_MEMORY_EVERY_SECONDS = 3.0
_TELL_SECONDS = 30.0
_MOST_GROWTH = 0.05
_MEGABYTE = 1_000_000
#: Told, but not judged: the buffers fill up to their size, whatever the load.
_UNJUDGED = ("PostgreSQL, with shared buffers (Pss)",)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    arguments = _parser().parse_args(argv)
    with (
        running_system(
            kafka=arguments.kafka,
            gateways=arguments.gateways,
            workers=arguments.workers,
            ordered_count=_ORDERED_WEBHOOKS,
        ) as system,
        Effects(system.stack.database_url) as effects,
    ):
        print_machine(system.stack.plan.directory)
        return 0 if _soak(system, effects, arguments) else 1


def _soak(system: System, effects: Effects, arguments: argparse.Namespace) -> bool:
    mix = EverydayMix(
        Arrivals(
            [hook.target for hook in system.plain],
            [hook.target for hook in system.ordered],
            ordered_share=_ORDERED_SHARE,
        ),
        [*system.plain, *system.ordered],
    )
    with (
        SteadyLoad(system.gateway_ports, mix.next, per_second=arguments.rate or 10.0) as load,
        People(system) as people,
    ):
        if not arguments.rate:
            load.per_second = arguments.share * find_capacity(load, effects)
        with MemoryWatch(meters_of(system), every_seconds=_MEMORY_EVERY_SECONDS) as memory:
            _let_pass(load, effects, arguments.warm_up_minutes * 60, "warming up")
            since = perf_counter()
            _let_pass(load, effects, arguments.minutes * 60, "measuring")
            until = perf_counter()
        waiting = effects.pending_count()
    _report_traffic(load, people, waiting, since=since, until=until)
    return _report_memory(memory, arguments, since) and not (load.refusals or people.refused_count)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="that are measured")
    parser.add_argument(
        "--warm-up-minutes",
        type=float,
        default=3.0,
        help="before; every cache is full then, and every duty has had its turn",
    )
    parser.add_argument("--share", type=float, default=0.7, help="of the highest rate handled")
    parser.add_argument("--rate", type=float, help="a second, instead of a share of the highest")
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kafka", action="store_true", help="send through a real broker")
    return parser


def _let_pass(load: SteadyLoad, effects: Effects, seconds: float, doing: str) -> None:
    began = told = perf_counter()
    while (now := perf_counter()) < began + seconds:
        load.check()
        if now - told >= _TELL_SECONDS:
            told = now
            print(
                f"{doing}, {now - began:.0f} s at {load.per_second:.0f}/s: "
                f"{effects.pending_count():,} wait",
                flush=True,
            )
        time.sleep(0.5)


def _report_traffic(
    load: SteadyLoad, people: People, waiting: int, *, since: float, until: float
) -> None:
    taken = load.latencies_ms(since, until)
    acts = sum(people.answers.values())
    print_table(
        "the load",
        [
            ("requests a second", f"{len(taken) / (until - since):.0f}", ""),
            ("ack p50 / p99, ms", " / ".join(f"{percentile(taken, r):.1f}" for r in (50, 99)), ""),
            ("wrong answers", f"{load.refusals.total()} {dict(load.refusals) or ''}", "exactly 0"),
            ("acts through the control API", str(acts), ""),
            ("of them refused", f"{people.refused_count}", "exactly 0"),
            ("waiting at the end", f"{waiting:,}", ""),
        ],
        result="result",
    )


def _report_memory(memory: MemoryWatch, arguments: argparse.Namespace, since: float) -> bool:
    rows, flat = [], []
    for name, samples in memory.samples.items():
        measured = [one for one in samples if one.at >= since]
        tenth = max(len(measured) // 10, 1)
        first, last = _middle(measured[:tenth]), _middle(measured[-tenth:])
        change = last / first - 1
        is_judged = name not in _UNJUDGED
        flat.append(change <= _MOST_GROWTH or not is_judged)
        sizes = f"{first / _MEGABYTE:.1f} / {last / _MEGABYTE:.1f} MB, {change:+.1%}"
        slope = f"{_slope(measured) / _MEGABYTE:+.1f} MB an hour"
        bound = f"{_MOST_GROWTH:+.0%} or less" if is_judged else ""
        rows.append((name, f"{sizes}, {slope}", bound))
    print_table(
        f"memory over {arguments.minutes:g} minutes after {arguments.warm_up_minutes:g} to warm "
        f"up, {'with' if arguments.kafka else 'without'} Kafka",
        rows,
        result="median of the first tenth / of the last, change, slope",
    )
    print("flat" if all(flat) else "GROWS")
    return all(flat)


def _middle(samples: Iterable[Sample]) -> float:
    return median(one.size for one in samples)


def _slope(samples: Sequence[Sample]) -> float:
    """Return the bytes per hour of a line through the samples."""
    if len(samples) < 2:
        return 0.0
    fit = linear_regression([one.at for one in samples], [float(one.size) for one in samples])
    return fit.slope * 3600


if __name__ == "__main__":
    sys.exit(main())
