"""Load on one server: by wrk where it is installed, else by our own generator; never mixed."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from tests.benchmark import events, generator
from tests.benchmark.events import Target

_SCRIPT = Path(__file__).with_name("wrk.lua")


class InvalidRun(Exception):
    """A run that measured something else than accepted requests."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run measured; every request was answered 200."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """The rate of answers."""
        return self.answers / self.seconds


def generator_name() -> str:
    """Name the generator of closed-loop runs."""
    return "wrk, 1 thread" if shutil.which("wrk") else "tests/benchmark/generator.py"


def full_load(
    port: int,
    targets: Sequence[Target],
    *,
    path: str | None = None,
    connection_count: int,
    seconds: int,
    most_per_second: int,
) -> Load:
    """Send new events as fast as they are answered; ``path`` instead of the targets' own if given.

    Raises:
        InvalidRun: An answer other than 200, a broken connection, or ``most_per_second`` was too
            low for the events that were prepared.
    """
    event_count = most_per_second * seconds + connection_count
    if shutil.which("wrk"):
        with TemporaryDirectory() as directory:
            template, lines = Path(directory) / "template", Path(directory) / "lines"
            events.write_template(template)
            events.write_lines(lines, targets, event_count)
            arguments = [str(template), str(lines), *([path] if path else [])]
            return _wrk(port, arguments, connection_count=connection_count, seconds=seconds)
    requests = list(events.requests(targets, event_count, path=path))
    run = _run(
        generator.closed_loop(
            port, iter(requests), connection_count=connection_count, seconds=seconds
        )
    )
    if len(run.latencies) == event_count:
        raise InvalidRun("the events ran out")
    return load_of(run)


def paced_load(port: int, requests: Sequence[bytes], *, per_second: float) -> generator.Run:
    """Send the requests at a steady rate with our own generator.

    Raises:
        InvalidRun: An answer other than 200.
    """
    run = _run(generator.paced(port, requests, connection_count=256, per_second=per_second))
    load_of(run)
    return run


def load_of(run: generator.Run) -> Load:
    """Return the figures of a run.

    Raises:
        InvalidRun: An answer other than 200.
    """
    if run.failures:
        raise InvalidRun(f"{run.failures} of {len(run.latencies)} answers were not 200")
    return Load(
        answers=len(run.latencies),
        seconds=run.seconds,
        p50_ms=percentile(run.latencies, 50) * 1000,
        p99_ms=percentile(run.latencies, 99) * 1000,
    )


def percentile(values: Sequence[float], rank: float) -> float:
    """Return the value that ``rank`` percent of the values do not exceed."""
    return sorted(values)[max(int(len(values) * rank / 100 + 0.5) - 1, 0)]


def _run(running: Any) -> generator.Run:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        run: generator.Run = runner.run(running)
        return run


def _wrk(port: int, arguments: Sequence[str], *, connection_count: int, seconds: int) -> Load:
    command = [
        *("wrk", "--threads", "1", "--connections", str(connection_count)),
        *("--duration", f"{seconds}s", "--timeout", "5s", "--script", str(_SCRIPT)),
        *(f"http://{generator.HOST}:{port}", "--", *arguments),
    ]
    ended = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=seconds + 30
    )
    told: dict[str, Any] = json.loads(ended.stdout.partition("\nRESULT ")[2])
    if told["refused"] or told["broken"] or told["exhausted"] or not told["answers"]:
        raise InvalidRun(f"not every request was answered 200: {told}")
    return Load(
        answers=told["answers"],
        seconds=told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
    )
