"""What a busy machine takes from processes is told apart from what they take themselves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from shared.embedded.processes import wait_until
from tests.faults.starvation import Watch
from tests.stopwatch import Stopwatch, waited_seconds

_BUSY = "import os\nos.sched_setaffinity(0, {0})\nwhile True: pass"


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_process_waits_that_shares_its_processor() -> None:
    """Of two that want the same one, each waits; stopped, neither wants it."""
    with (
        subprocess.Popen([sys.executable, "-c", _BUSY]) as first,
        subprocess.Popen([sys.executable, "-c", _BUSY]) as second,
    ):
        try:
            watch = Watch(lambda: first.pid)
            assert watch.look() == 0.0
            assert wait_until(lambda: waited_seconds(first.pid) > 0.2, timeout_seconds=20)
            assert watch.look() > 0.0
            for process in (first, second):
                os.kill(process.pid, signal.SIGSTOP)
            assert wait_until(lambda: _is_stopped(first.pid), timeout_seconds=5)
            watch.look()
            time.sleep(0.2)
            assert watch.look() == 0.0
        finally:
            for process in (first, second):
                process.kill()
    assert watch.look() == 0.0


def test_a_stopwatch_counts_idle_and_busy_time() -> None:
    """Doing nothing for a while takes that long, and so does computing."""
    watch = Stopwatch(os.getpid())  # servers of other tests are children too
    time.sleep(0.2)
    asleep = watch.seconds
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    assert asleep > 0.15
    assert watch.seconds - asleep > 0.08
