"""One of our programs as a child process, with its log, its readiness and its signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from shared.embedded.processes import wait_until

ROOT = Path(__file__).parent.parent.parent

#: One for all looks: each of its own would take 30 ms to load certificates that nothing here has.
_HTTP = httpx.Client(timeout=2, limits=httpx.Limits(max_keepalive_connections=0))


class ProgramDied(Exception):
    """A program ended without being asked to."""


class Program:
    """A program that can be started, asked, signalled and started again, always the same way."""

    def __init__(
        self, name: str, *, module: str, environment: Mapping[str, str], log_dir: Path
    ) -> None:
        self.name = name
        self.module = module
        self.environment = dict(environment)
        #: What the interpreter is given.
        self.arguments: Sequence[str] = ("-m", module)
        self.log_path = log_dir / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        return self._running().pid

    @property
    def exit_code(self) -> int | None:
        """The exit code of a process that ended; None while it runs or before it started."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the process; returns at once."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self.arguments],
                # Nothing of the caller's environment: its settings are not ours.
                env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **self.environment},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at the terminal is the owner's to pass on
            )

    def wait_ready(
        self, *, timeout_seconds: float = 30, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until the program says on its operations port that it is ready, or ``cancelled``.

        Raises:
            ProgramDied: It ended instead.
            TimeoutError: It still was not ready; with what it said of itself.
        """
        wait_until(
            lambda: cancelled() or self.exit_code is not None or self.readiness()[0],
            timeout_seconds=timeout_seconds,
        )
        self.check()
        if cancelled():
            return
        ready, words = self.readiness()
        if not ready:
            raise TimeoutError(f"{self.name} is not ready: {words}\n{self.log_tail()}")

    def check(self) -> None:
        """Raise when the program ended.

        Raises:
            ProgramDied: With the end of its log.
        """
        if self.exit_code is not None:
            raise ProgramDied(f"{self.name} ended with {self.exit_code}:\n{self.log_tail()}")

    def readiness(self) -> tuple[bool, str]:
        """Return whether the program is ready, and its own words on it."""
        try:
            answer = _HTTP.get(f"{self.operations_url}/readyz")
        except httpx.HTTPError as error:
            return False, f"{type(error).__name__}: {error}"
        return answer.status_code == 200, answer.text

    @property
    def operations_url(self) -> str:
        """The address of /livez, /readyz and /metrics."""
        prefix = f"POSTERN_{self.module.upper()}"
        return f"http://127.0.0.1:{self.environment[f'{prefix}_OPERATIONS_PORT']}"

    def stop(self, *, timeout_seconds: float = 30) -> None:
        """Ask the program to drain and end; after the time-out end it with SIGKILL."""
        if self._process is None or self.exit_code is not None:
            return
        self._process.send_signal(signal.SIGCONT)  # a paused process would not hear the other one
        self._process.terminate()
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the program, and it alone, with SIGKILL; children have to notice by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Stop the program's clock with SIGSTOP: connections stay open, nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused program go on."""
        self._running().send_signal(signal.SIGCONT)

    def log_tail(self, characters: int = 2000) -> str:
        """Return the end of the program's log."""
        if not self.log_path.exists():
            return ""
        return f"{self.log_path} ends with:\n{self.log_path.read_text()[-characters:]}"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process
