"""Holds the short way of expressions against the full engine: python -m tests.benchmark.agreement.

A case is a document and a text that the short way decides; what it leaves to the engine is counted
apart. The process ends with status 1 where a case differs.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

from tests.unit.expressions.agreement import Tally, compare

_CHUNK = 5_000
_SHOWN = 20


def run(*, case_count: int, seed: str, process_count: int) -> Tally:
    """Return what became of at least so many cases; the same for the same seed."""
    tally = Tally()
    seeds = [f"{seed}/{number}" for number in range(-(-case_count // _CHUNK))]
    with ProcessPoolExecutor(process_count) as processes:
        for number, part in enumerate(processes.map(_chunk, seeds), start=1):
            tally.add(part)
            if number % 20 == 0:
                print(f"{tally.decided.total():,} cases", file=sys.stderr, flush=True)
    return tally


def _chunk(seed: str) -> Tally:
    return compare(seed, _CHUNK)


def _lines(tally: Tally) -> Iterator[str]:
    yield f"{tally.decided.total():,} cases, {len(tally.differences):,} differences"
    yield f"left to the engine: {tally.undecided:,}"
    yield "found: " + ", ".join(f"{kind} {count:,}" for kind, count in tally.decided.most_common())
    yield from tally.differences[:_SHOWN]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", default="agreement")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    started = perf_counter()
    tally = run(case_count=arguments.cases, seed=arguments.seed, process_count=arguments.processes)
    print("\n".join(_lines(tally)))
    print(f"seed {arguments.seed}, {perf_counter() - started:.0f} s")
    sys.exit(1 if tally.differences else 0)


if __name__ == "__main__":
    main()
