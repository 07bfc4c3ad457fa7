"""From a fresh clone over `make run` to the first handled webhook, as a newcomer would do it.

Run as ``python -m tests.benchmark.first_webhook``. Clones what is committed, installs without any
cache, pastes the command that `make run` prints, and waits until the asset is in the database.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.control import ControlApi
from deploy.local.program import ROOT
from shared.embedded.ports import free_port
from shared.embedded.processes import is_alive, wait_until
from tests.benchmark.report import print_machine, print_table
from tests.benchmark.rig import benchmark_directory
from tests.benchmark.usage import family_of

_PORTS = ("GATEWAY", "GATEWAY_OPERATIONS", "CONTROL_API", "CONTROL_API_OPERATIONS")
_STEP_SECONDS = 300
_STOP_SECONDS = 60
_POST = re.compile(r"^  (curl -i -X POST .*?)\n\n", re.MULTILINE | re.DOTALL)
_API_KEY = re.compile(r"API key +(\S+)")
_CONTROL_API = re.compile(r"control API +(\S+)")


class NotSo(Exception):
    """A newcomer would have been stuck here."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each step."""

    install: float
    start: float
    handled: float

    @property
    def total(self) -> float:
        """Seconds from the clone to the handled webhook."""
        return self.install + self.start + self.handled


class MakeRun:
    """`make run` in a clone, on free ports."""

    def __init__(self, clone: Path, directory: Path, *, kafka: bool) -> None:
        self._installed = clone / ".venv" / ".installed"
        self._output = directory / "output"
        ports = [f"{name}_PORT={free_port()}" for name in (*_PORTS, "WORKER_OPERATIONS")]
        caches = [f"{name}={directory / 'cache'}" for name in ("UV_CACHE_DIR", "PIP_CACHE_DIR")]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *("env", "--unset=VIRTUAL_ENV", "--unset=MAKEFLAGS", *caches),
                    *("make", "run", *ports, *(["KAFKA=1"] if kafka else [])),
                ],
                cwd=clone,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self._output.read_text()

    def wait_installed(self) -> None:
        """Wait until the dependencies are installed."""
        self._wait(self._installed.exists, "installed nothing")

    def wait_announced(self) -> None:
        """Wait until it has said all that it says at a start."""
        self._wait(lambda: "make demo" in self.output, "did not start")

    def stop(self) -> None:
        """Stop as Ctrl-C does; what does not end is killed."""
        if self._process.poll() is not None:
            return
        family = list(family_of(self._process.pid))
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for member in filter(is_alive, family):
                os.kill(member, signal.SIGKILL)
            self._process.wait()

    def _wait(self, condition: Callable[[], bool], complaint: str) -> None:
        ended = self._process.poll
        wait_until(lambda: condition() or ended() is not None, timeout_seconds=_STEP_SECONDS)
        if not condition():
            raise NotSo(f"make run {complaint}:\n{self.output[-3000:]}")


def measure(directory: Path, *, kafka: bool) -> Timing:
    """Clone, run, send, and wait for the asset.

    Raises:
        NotSo: A step did not come to its end.
    """
    started = time.perf_counter()
    clone = directory / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    run = MakeRun(clone, directory, kafka=kafka)
    try:
        run.wait_installed()
        installed = time.perf_counter()
        run.wait_announced()
        announced = time.perf_counter()
        _send_and_wait(run.output)
        handled = time.perf_counter()
    finally:
        run.stop()
    return Timing(installed - started, announced - installed, handled - announced)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark.first_webhook", description=__doc__
    )
    parser.add_argument("--kafka", action="store_true", help="make run KAFKA=1")
    arguments = parser.parse_args(argv)
    with benchmark_directory() as directory:
        print_machine(directory)
        timing = measure(directory, kafka=arguments.kafka)
    print_table(
        f"fresh clone to first handled webhook{', with Kafka' if arguments.kafka else ''}",
        [
            ("clone and install, s", f"{timing.install:.1f}", ""),
            ("start until announced, s", f"{timing.start:.1f}", ""),
            ("paste, accept and handle, s", f"{timing.handled:.1f}", ""),
            ("together, s", f"{timing.total:.1f}", "90 or less"),
        ],
        result="result",
    )
    return 0


def _send_and_wait(output: str) -> None:
    command, api_key, url = (
        found.group(1) if (found := pattern.search(output)) else ""
        for pattern in (_POST, _API_KEY, _CONTROL_API)
    )
    if not (command and api_key and url):
        raise NotSo(f"the announcement lacks a command, a key or an address:\n{output}")
    pasted = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
    if " 200 " not in pasted.stdout.partition("\n")[0]:
        raise NotSo(f"the pasted command was answered:\n{pasted.stdout}")
    with ControlApi(url, api_key) as api:
        if not wait_until(lambda: bool(api.assets()), timeout_seconds=_STEP_SECONDS):
            raise NotSo("no asset was made")


if __name__ == "__main__":
    sys.exit(main())
