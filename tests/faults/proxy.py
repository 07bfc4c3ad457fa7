"""A TCP proxy in a process of its own, whose links can be cut, slowed, swallowed and refused.

What stands behind it is real, and so are the faults: RST, latency, black holes, refusal.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

from tests.house import ROOT

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Link:
    """A port on the loopback interface that leads to a server, which may be down for now."""

    name: str
    port: int
    #: host:port, or the absolute path of a Unix socket.
    target: str

    @property
    def address(self) -> str:
        """What clients connect to, host:port."""
        return f"{_HOST}:{self.port}"


def postgres_link(name: str, port: int, dsn: str) -> Link:
    """Return a link to the server of an address that names a directory of Unix sockets."""
    (directory,) = parse_qs(urlsplit(dsn).query)["host"]
    return Link(name, port, f"{directory}/.s.PGSQL.5432")


def dsn_through(link: Link, dsn: str) -> str:
    """Return the address of the same database, reached through the link."""
    parts = urlsplit(dsn)
    account = f"{parts.username or 'postgres'}"
    if parts.password:
        account += f":{parts.password}"
    return f"{parts.scheme}://{account}@{link.address}{parts.path}"


class Proxy:
    """The running proxy. Its methods block for a moment, and any thread may call them.

    The process ends with the block, and also when its owner dies.
    """

    def __init__(self, links: Iterable[Link]) -> None:
        self.links = {link.name: link for link in links}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.proxy_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C at the terminal is the owner's to act on
        )
        try:
            for link in self.links.values():
                self.open(link)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The proxy's process."""
        return self._running().pid

    def open(self, link: Link) -> None:
        """Add a link, or one that was named when the proxy was made."""
        self.links[link.name] = link
        self._ask("open", name=link.name, port=link.port, target=link.target)

    def counts(self) -> dict[str, int]:
        """Return the number of open connections by link."""
        return cast("dict[str, int]", self._ask("counts"))

    def cut(self, name: str, share: float = 1.0) -> int:
        """Reset a share of the connections, always the same ones of so many; return how many.

        New connections work at once.
        """
        return cast("int", self._ask("cut", name=name, share=share))

    def delay(self, name: str, seconds: float) -> None:
        """Let every byte take so much longer, in each direction; 0 ends it.

        Order and throughput stay, but for more than 4 MiB under way in one direction.
        """
        self._ask("delay", name=name, seconds=seconds)

    @contextmanager
    def delayed(self, name: str, seconds: float) -> Iterator[None]:
        """Delay within the block."""
        self.delay(name, seconds)
        try:
            yield
        finally:
            self.delay(name, 0)

    @contextmanager
    def swallowed(self, name: str) -> Iterator[None]:
        """Make the link a black hole: connections stay open, new ones are taken, nothing passes.

        Nothing of it is delivered later: with the end of the block these connections are reset.
        """
        self._ask("swallow", name=name, on=True)
        try:
            yield
        finally:
            self._ask("swallow", name=name, on=False)

    @contextmanager
    def refused(self, name: str) -> Iterator[None]:
        """Close every connection and refuse new ones, as when the server had ended."""
        self._ask("refuse", name=name, on=True)
        try:
            yield
        finally:
            self._ask("refuse", name=name, on=False)

    def _ask(self, what: str, **arguments: Any) -> Any:
        if (name := arguments.get("name")) is not None and name not in self.links:
            raise KeyError(name)
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the proxy has no pipes")
        line = json.dumps({"do": what, **arguments}).encode() + b"\n"
        with self._lock:
            process.stdin.write(line)
            process.stdin.flush()
            answered = process.stdout.readline()
        if not answered:
            raise RuntimeError(f"the proxy ended with {process.wait()}")
        answer = json.loads(answered)
        if "error" in answer:
            raise OSError(f"the proxy cannot {what} {arguments}: {answer['error']}")
        return answer["value"]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the proxy does not run")
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with process:  # closes its stdin, at which it ends, and waits
            pass
