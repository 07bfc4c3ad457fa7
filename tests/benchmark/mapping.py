"""What a mapping of six fields takes: of plain paths, and of general expressions in the sandbox.

Each figure stands beside what jsonata-python takes for the same expressions in this process,
compiled beforehand, and without any of the bounds.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time

import orjson
from jsonata import Jsonata

from shared.expressions.evaluator import Evaluator
from shared.expressions.sandbox import Sandbox
from shared.mapping.mapper import Mapper, wanted_expressions
from tests.benchmark.report import print_machine, print_table, spread
from worker.actions.assets import UpsertAsset

_PLAIN_BOUND_US = 20.0
_GENERAL_BOUND_MS = 2.0
_PLAIN = {
    "external_id": "device.id",
    "name": "device.hostname",
    "asset_type": "'workstation'",
    "serial_number": "device.hardware.serial",
    "status": "device.status",
    "location": "device.site.name",
}
GENERAL = {
    "external_id": "'rmm-' & device.id",
    "name": "coalesce(device.name, $uppercase(device.hostname))",
    "asset_type": "device.kind = 'srv' ? 'server' : 'workstation'",
    "serial_number": "$trim(device.hardware.serial)",
    "status": "device.alerts[severity > 2] ? 'alert' : 'active'",
    "location": "$join([device.site.name, device.site.room], ' / ')",
}
DOCUMENT = {
    "device": {
        "id": "d-1024",
        "hostname": "ws-17.example.com",
        "kind": "pc",
        "status": "active",
        "hardware": {"serial": " SN-00017 ", "memory_gb": 32, "disks": [512, 2048]},
        "site": {"name": "Head office", "room": "2.14"},
        "alerts": [{"id": n, "severity": n % 3, "text": "disk is filling up"} for n in range(8)],
    }
}
BODY = orjson.dumps(DOCUMENT)


async def plain_us(mapper: Mapper, count: int) -> float:
    """Return the mean microseconds of a processor that a mapping of plain paths takes."""
    started = process_time()
    for _ in range(count):
        await mapper.map(UpsertAsset, _PLAIN, document=DOCUMENT, body=BODY)
    return (process_time() - started) / count * 1e6


async def general_ms(mapper: Mapper, count: int) -> list[float]:
    """Return the milliseconds of each mapping of general expressions, one after the other."""
    times = []
    for _ in range(count):
        started = perf_counter()
        mapped = await mapper.map(UpsertAsset, GENERAL, document=DOCUMENT, body=BODY)
        times.append((perf_counter() - started) * 1000)
        if mapped.filling.fields is None:
            raise SystemExit(f"the mapping failed: {mapped.filling.faults}")
    return times


def engine_ms(mapping: Mapping[str, str], count: int) -> float:
    """Return the milliseconds of a processor that the bare engine takes for all of a mapping."""
    # Only the sandbox knows coalesce; what it does is written out here.
    texts = [
        text.replace("coalesce(device.name, ", "(device.name ? device.name : ")
        for text in mapping.values()
    ]
    compiled = [Jsonata(text) for text in texts]
    started = process_time()
    for _ in range(count):
        document = orjson.loads(BODY)
        for expression in compiled:
            expression.evaluate(document)
    return (process_time() - started) / count * 1000


async def _measure(arguments: argparse.Namespace) -> bool:
    plain, general, late, plain_ratios, general_ratios = [], [], [], [], []
    async with Sandbox(size=2) as sandbox:
        mapper = Mapper(Evaluator(sandbox), timeout_seconds=1.0)
        expected = wanted_expressions(UpsertAsset, _PLAIN)
        if not all(expression.is_plain for expression in expected.values()):
            raise SystemExit("not all of the plain mapping is plain")
        await general_ms(mapper, 50)  # compiled, as in a worker that has seen the webhook
        for _ in range(arguments.rounds):
            plain.append(await plain_us(mapper, arguments.count * 10))
            plain_ratios.append(engine_ms(_PLAIN, arguments.count) * 1000 / plain[-1])
            times = await general_ms(mapper, arguments.count)
            general.append(median(times))
            late.append(quantiles(times, n=100)[-1])
            general_ratios.append(general[-1] / engine_ms(GENERAL, arguments.count))
    print_table(
        f"a mapping of six fields, {arguments.rounds} rounds",
        [
            (
                "plain paths, us of a processor",
                spread(plain, ".1f"),
                f"{_PLAIN_BOUND_US:g} or less",
            ),
            ("the bare engine / that", spread(plain_ratios, ".1f"), ""),
            ("general, median, ms", spread(general), f"{_GENERAL_BOUND_MS:g} or less"),
            ("general, p99, ms", spread(late), ""),
            ("that median / the bare engine", spread(general_ratios), ""),
        ],
    )
    return median(plain) <= _PLAIN_BOUND_US and median(general) <= _GENERAL_BOUND_MS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="mappings in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parsed = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        print_machine(Path(directory))
    return 0 if asyncio.run(_measure(parsed)) else 1


if __name__ == "__main__":
    sys.exit(main())
