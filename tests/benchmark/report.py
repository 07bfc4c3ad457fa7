"""Prints what was measured, and on what."""

import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from shared.embedded.postgres import server_version


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the median with the least and the most: rounds differ, and one figure hides it."""
    return f"{median(values):{form}} ({min(values):{form}} - {max(values):{form}})"


def print_table(
    title: str,
    rows: Sequence[tuple[str, str, str]],
    *,
    result: str = "median (least - most) of the rounds",
) -> None:
    """Print rows of measure, result and bound."""
    print(f"\n{title}")
    table = [("measure", result, "bound"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("| " + " | ".join(cells) + " |", flush=True)


def print_machine(directory: Path) -> None:
    """Print what the figures depend on."""
    print(
        f"{os.cpu_count()} cores ({_processor()}), load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, {server_version()}, "
        f"a flush to disk takes {_flush_ms(directory):.2f} ms",
        flush=True,
    )
    if os.getloadavg()[0] > 0.5:
        print(
            "WARNING: the machine is not quiet; compare ratios only", file=sys.stderr, flush=True
        )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _flush_ms(directory: Path) -> float:
    file = directory / "flush"
    times = []
    with file.open("wb", buffering=0) as output:
        for _ in range(100):
            output.write(bytes(8192))
            started = time.perf_counter()
            os.fdatasync(output.fileno())
            times.append(time.perf_counter() - started)
    file.unlink()
    return median(times) * 1000
