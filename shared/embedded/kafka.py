"""One real Apache Kafka node on Java, with its jars from Maven."""

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.embedded.ports import accepts, free_port
from shared.embedded.processes import wait_until

#: Small and quick to start; ample for development and tests.
_JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class EmbeddedKafka:
    """One broker on one data directory and one port, both kept over restarts."""

    def __init__(
        self,
        data_dir: Path,
        lib_dir: Path,
        port: int | None = None,
        *,
        properties: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
    ) -> None:
        #: Beside or instead of those of ``deploy/kafka/server.properties``; with its names in
        #: braces.
        self._properties = dict(properties or {})
        self._format_options = tuple(format_options)
        self.data_dir = data_dir.resolve()
        self.port = port or free_port()
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self._lib_dir = lib_dir
        self._controller_port = free_port()
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
    def bootstrap(self) -> str:
        """The address that clients begin with, host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code of a broker that ended by itself; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self, *, timeout_seconds: float = 60) -> None:
        """Start the broker, also after it ended by itself, and wait until it takes connections.

        Raises:
            RuntimeError: It did not come up.
        """
        if self._process is not None and self.exit_code is None:
            return
        properties = self._write_properties()
        self._format(properties)
        with self.log_path.open("ab") as log:
            process = self._process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", str(properties)],
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
            self.kill()
            tail = self.log_path.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Kafka did not start; {self.log_path} ends with:\n{tail}")

    def stop(self, *, timeout_seconds: float = 20) -> None:
        """Stop the broker with SIGTERM, and with SIGKILL when it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the broker with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop and start again, on the same port and data."""
        self.stop()
        self.start()

    def _write_properties(self) -> Path:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        properties = self.data_dir / "server.properties"
        template = _project_root() / "deploy" / "kafka" / "server.properties"
        lines = [f"{name}={value}\n" for name, value in self._properties.items()]
        text = "\n".join([template.read_text(), *lines])
        for name, value in {
            "{port}": self.port,
            "{controller_port}": self._controller_port,
            "{log_dir}": self.data_dir / "log",
        }.items():
            text = text.replace(name, str(value))
        properties.write_text(text)
        return properties

    def _format(self, properties: Path) -> None:
        if (self.data_dir / "log" / "meta.properties").exists():
            return
        cluster_id = new_cluster_id()
        formatted = subprocess.run(
            [
                *(*self._java(), "kafka.tools.StorageTool", "format"),
                *("--cluster-id", cluster_id, "--config", str(properties)),
                *self._format_options,
            ],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        if formatted.returncode:
            raise RuntimeError(f"Kafka's storage could not be formatted:\n{formatted.stdout}")

    def _java(self) -> list[str]:
        return ["java", *_JAVA_OPTIONS, "-cp", f"{self._lib_dir}/*"]


def new_cluster_id() -> str:
    """Return a random id that does not begin with the dash of an option."""
    first, *others = uuid.uuid4().bytes
    return base64.urlsafe_b64encode(bytes([first & 0x7F, *others])).decode().rstrip("=")


def _project_root() -> Path:
    return Path(__file__).parent.parent.parent
