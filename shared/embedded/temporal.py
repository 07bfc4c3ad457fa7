"""The real Temporal test server on Java, with its jars from Maven; it keeps nothing."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.embedded.ports import accepts, free_port
from shared.embedded.processes import wait_until

_JAVA_OPTIONS = ("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class EmbeddedTemporal:
    """One server on one port, whose namespace is ``default``."""

    def __init__(self, lib_dir: Path, log_path: Path) -> None:
        self.port = free_port()
        self.log_path = log_path
        self._lib_dir = lib_dir
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Where clients find it, host:port."""
        return f"127.0.0.1:{self.port}"

    def start(self, *, timeout_seconds: float = 60) -> None:
        """Start the server and wait until it takes connections.

        Raises:
            RuntimeError: It did not come up.
        """
        java = ("java", *_JAVA_OPTIONS, "-cp", f"{self._lib_dir}/*")
        with self.log_path.open("ab") as log:
            process = self._process = subprocess.Popen(
                [*java, "io.temporal.testserver.TestServer", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at the terminal is the owner's to pass on
            )
        wait_until(
            lambda: process.poll() is not None or accepts(self.port),
            timeout_seconds=timeout_seconds,
        )
        if process.poll() is not None or not accepts(self.port):
            self.stop()
            tail = self.log_path.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Temporal did not start; {self.log_path} ends with:\n{tail}")

    def stop(self) -> None:
        """End the server: there is nothing that it could keep."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None
