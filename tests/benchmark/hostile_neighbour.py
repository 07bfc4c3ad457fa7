"""What a tenant's mappings take while another tenant's expressions are hostile.

One tenant maps six fields by general expressions, one delivery after another, through a worker's
mapper and a sandbox as large as a worker's is by default. It is calm at first. Then another
tenant has the tests' hostile expressions evaluated, over and over, eight at a time. A mapping's
time leaves out what a busy machine kept processors from its own two processes.
"""

import argparse
import asyncio
import base64
import itertools
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from time import monotonic

import orjson

from shared.expressions.evaluator import Evaluator
from shared.expressions.sandbox import Sandbox
from shared.mapping.mapper import Mapper
from shared.settings import load
from tests.benchmark.mapping import BODY, DOCUMENT, GENERAL
from tests.benchmark.report import print_machine, print_table, spread
from tests.integration.expressions.hostile import HOSTILE
from tests.integration.expressions.hostile.case import Case
from tests.stopwatch import Stopwatch
from worker.actions.assets import UpsertAsset
from worker.settings import WorkerSettings

#: Of a worker, by default.
_SETTINGS = load(
    WorkerSettings,
    {
        "POSTERN_DATABASE_URL": "postgresql://nowhere/none",
        "POSTERN_MASTER_KEYS": "k:" + base64.b64encode(bytes(32)).decode(),
    },
)
_BOUND = 2.0
#: Deliveries of the hostile tenant that a worker has in hand.
_CROWD = 8
_STARTED_SECONDS = 60.0


class Neighbours:
    """A tenant that maps in peace, and one that does not let it; for one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._mapper = Mapper(
            Evaluator(sandbox), timeout_seconds=_SETTINGS.expression_timeout_seconds
        )
        cases = [case for case in HOSTILE.values() if _is_json(case.body)]
        random.Random(1).shuffle(cases)
        self._cases: Iterator[Case] = itertools.cycle(cases)
        #: Hostile mappings that came to an end.
        self.hostile_count = 0

    async def seconds(self, count: int) -> list[float]:
        """Return what each of some mappings takes, one after the other."""
        return [await self._one() for _ in range(count)]

    @asynccontextmanager
    async def hostility(self) -> AsyncIterator[None]:
        """Have the other tenant do its worst meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            crowd = [tasks.create_task(self._attack()) for _ in range(_CROWD)]
            yield
            for attacker in crowd:
                attacker.cancel()

    async def calm(self) -> None:
        """Wait until every process is there and none is busy."""
        deadline = monotonic() + _STARTED_SECONDS
        while len(self._sandbox._turns.idle) < self._sandbox._process_count:
            if monotonic() > deadline:
                raise TimeoutError("the sandbox does not come to rest")
            await asyncio.sleep(0.01)

    async def _one(self) -> float:
        # The process used last is used next. Where none is idle, the wait for one counts.
        watch = Stopwatch(*(process.pid for process in self._sandbox._turns.idle[-1:]))
        mapped = await self._mapper.map(
            UpsertAsset, GENERAL, document=DOCUMENT, body=BODY, owner="calm"
        )
        seconds = watch.seconds
        if mapped.filling.fields is None:
            raise RuntimeError(f"the mapping failed: {mapped.filling.faults}")
        return seconds

    async def _attack(self) -> None:
        for case in self._cases:
            await self._mapper.map(
                UpsertAsset,
                {"name": case.text},
                document=orjson.loads(case.body),
                body=case.body,
                owner="hostile",
            )
            self.hostile_count += 1


def p99(seconds: Sequence[float]) -> float:
    """Return the time that one in a hundred exceeds."""
    return quantiles(seconds, n=100)[-1]


def sandbox_of_a_worker() -> Sandbox:
    """Return one like a worker's, by default."""
    return Sandbox(size=_SETTINGS.sandbox_size, queue_seconds=_SETTINGS.sandbox_queue_seconds)


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


async def _measure(arguments: argparse.Namespace) -> bool:
    calm, beside, worst, ratios = [], [], [], []
    async with sandbox_of_a_worker() as sandbox:
        neighbours = Neighbours(sandbox)
        await neighbours.seconds(50)
        for _ in range(arguments.rounds):
            await neighbours.calm()
            calm.append(p99(await neighbours.seconds(arguments.count)) * 1000)
            async with neighbours.hostility():
                times = await neighbours.seconds(arguments.count)
            beside.append(p99(times) * 1000)
            worst.append(max(times) * 1000)
            ratios.append(beside[-1] / calm[-1])
    print_table(
        f"mappings beside hostile ones, {arguments.rounds} rounds of {arguments.count}; "
        f"{neighbours.hostile_count} hostile ones ended",
        [
            ("calm, p99, ms", spread(calm), ""),
            ("beside hostile expressions, p99, ms", spread(beside), ""),
            ("beside hostile expressions, the worst, ms", spread(worst), ""),
            ("p99 beside / calm", spread(ratios), f"{_BOUND:g} or less"),
        ],
    )
    return median(ratios) <= _BOUND


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 where the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="mappings, calm and beside each")
    parser.add_argument("--rounds", type=int, default=5)
    parsed = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        print_machine(Path(directory))
    return 0 if asyncio.run(_measure(parsed)) else 1


if __name__ == "__main__":
    sys.exit(main())
