"""What the kernel says about processes: CPU time and memory."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from shared.embedded.processes import children_of

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
#: A tree of processes counts as idle when it uses less than this share of a core.
_IDLE_SHARE = 0.04
_IDLE_WINDOW_SECONDS = 0.5


def cpu_seconds(root: int) -> float:
    """Return user and system time of a process and all below it, those that ended included.

    A child that ended and was waited for counts in its parent, so nothing is lost in between.
    """
    return sum(_cpu_ticks(pid) for pid in family_of(root)) / _TICKS_PER_SECOND


def wait_until_idle(*roots: int, timeout_seconds: float = 20) -> None:
    """Wait until none of the trees does anything to speak of.

    Raises:
        TimeoutError: They still work.
    """
    deadline = time.monotonic() + timeout_seconds
    before = _total(roots)
    while time.monotonic() < deadline:
        time.sleep(_IDLE_WINDOW_SECONDS)
        now = _total(roots)
        if now - before < _IDLE_SHARE * _IDLE_WINDOW_SECONDS:
            return
        before = now
    raise TimeoutError(f"the processes did not come to rest within {timeout_seconds} s")


def family_of(root: int) -> Iterator[int]:
    """Yield a process and all below it."""
    yield root
    for child in children_of(root):
        yield from family_of(child)


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in use (VmRSS), shared pages included."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmRSS:") * 1024


def highest_resident_bytes(pid: int) -> int:
    """Return the most that ``resident_bytes`` has ever been (VmHWM)."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM:") * 1024


def own_bytes(root: int) -> int:
    """Return what a process and all below it have in memory of their own (RssAnon).

    Nothing that is shared counts: PostgreSQL's backends touch ever more of its buffers.
    """
    return sum(_kilobytes_or_none(pid, "status", "RssAnon:") for pid in family_of(root)) * 1024


def all_proportional_bytes(root: int) -> int:
    """Return ``proportional_bytes`` of a process and all below it together."""
    return sum(_kilobytes_or_none(pid, "smaps_rollup", "Pss:") for pid in family_of(root)) * 1024


def proportional_bytes(pid: int) -> int:
    """Return the memory of a process with each shared page divided among its users (Pss)."""
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") * 1024


def _total(roots: tuple[int, ...]) -> float:
    return sum(cpu_seconds(root) for root in roots)


def _cpu_ticks(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # proc(5): utime, stime, cutime and cstime are fields 14 to 17; state, the first here, is 3.
    return sum(map(int, stat.rpartition(")")[2].split()[11:15]))


def _kilobytes(file: Path, name: str) -> int:
    return next(
        int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(name)
    )


def _kilobytes_or_none(pid: int, file: str, name: str) -> int:
    """Return 0 for a process that has ended since it was found."""
    try:
        return _kilobytes(Path(f"/proc/{pid}/{file}"), name)
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return 0
