"""Samples the memory of a system's processes while something else happens."""

import threading
from collections.abc import Callable, Mapping
from time import perf_counter
from types import TracebackType
from typing import NamedTuple, Self

from tests.benchmark import usage
from tests.benchmark.system import System

Meter = Callable[[], int]


class Sample(NamedTuple):
    """Bytes at a moment of ``perf_counter``'s time."""

    at: float
    size: int


class MemoryWatch:
    """Reads each meter every few seconds in a thread of its own, from entering to leaving."""

    def __init__(self, meters: Mapping[str, Meter], *, every_seconds: float) -> None:
        self.samples: dict[str, list[Sample]] = {name: [] for name in meters}
        self._meters = meters
        self._every_seconds = every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-watch", daemon=True)

    def __enter__(self) -> Self:
        self._read()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_seconds):
            self._read()

    def _read(self) -> None:
        for name, meter in self._meters.items():
            try:
                size = meter()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it is being restarted
            self.samples[name].append(Sample(perf_counter(), size))


def meters_of(system: System) -> dict[str, Meter]:
    """Return what to read of each process.

    Of our programs the resident memory (RSS), of their sandbox processes and of PostgreSQL's all
    together: there each page is mapped by many.
    """
    meters: dict[str, Meter] = {}
    for name, program in system.stack.programs.items():
        meters[name] = _of(usage.resident_bytes, program.pid)
        meters[f"{name} with its children (Pss)"] = _of(usage.all_proportional_bytes, program.pid)
    postgres_pid = system.stack.postgres.pid or 0
    meters["PostgreSQL, own memory of all backends"] = _of(usage.own_bytes, postgres_pid)
    meters["PostgreSQL, with shared buffers (Pss)"] = _of(
        usage.all_proportional_bytes, postgres_pid
    )
    return meters


def _of(read: Callable[[int], int], pid: int) -> Meter:
    return lambda: read(pid)
