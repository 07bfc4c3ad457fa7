"""Time that is a program's own: without what a busy machine kept processors from it.

A program that hangs, keeps off or computes for long does not wait for a processor: none of that
is taken off.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from shared.embedded.processes import children_of


def waited_seconds(pid: int) -> float:
    """Return how long a process wanted a processor and got none so far; 0 once it is gone.

    Of several threads it is the one that waited longest.
    Source: https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
    """
    try:
        threads = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return max(map(_waited_seconds, threads), default=0.0)


def _waited_seconds(schedstat: Path) -> float:
    try:
        return int(schedstat.read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


class Stopwatch:
    """Runs from now on, for this process and its children, or those of them that are named.

    Name them where others work beside: what those wait for is no part of the time.
    """

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._waited = self._waits()
        self._began = time.perf_counter()

    @property
    def passed_seconds(self) -> float:
        """The time since then, all of it."""
        return time.perf_counter() - self._began

    @property
    def seconds(self) -> float:
        """The time since then, without the longest wait of each of them."""
        waits = self._waits().items()
        return self.passed_seconds - sum(
            max(seconds - self._waited.get(pid, 0.0), 0.0) for pid, seconds in waits
        )

    def _waits(self) -> Mapping[int, float]:
        own = os.getpid()
        return {pid: waited_seconds(pid) for pid in (own, *(self._pids or children_of(own)))}
