"""The proxy's own process: carries the bytes of named links, and spoils them when told to.

Commands come as JSON lines on stdin, and each is answered by one line on stdout; the end of stdin
ends the process. tests/faults/proxy.py is the owner's side.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvloop

from tests.faults.proxy_connection import Connection, Target, Weather

_HOST = "127.0.0.1"
_BACKLOG = 1024


class Link:
    """A port, what it leads to, and what is wrong with it just now."""

    def __init__(self, port: int, target: str, tasks: asyncio.TaskGroup) -> None:
        #: In the order in which they were made: a dict, for its order.
        self.connections: dict[Connection, None] = {}
        self._weather = Weather()
        self._target = _parsed(target)
        self._tasks = tasks
        self._port = port
        # Never listens: keeps the port ours while connections are refused.
        self._placeholder = self._bound()
        self._listener: socket.socket | None = None
        self.listen()

    def listen(self) -> None:
        """Take connections."""
        if self._listener is None:
            self._listener = self._bound()
            self._listener.listen(_BACKLOG)
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def refuse(self) -> None:
        """Close every connection, and let the kernel refuse new ones."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for connection in list(self.connections):
            connection.close(reset=False)

    def cut(self, share: float) -> int:
        """Reset a share of the connections, evenly spread over their order; return how many."""
        chosen = [
            connection
            for number, connection in enumerate(self.connections, 1)
            # The small addition lets 3 * (1 / 3) count as 1.
            if int(number * share + 1e-9) > int((number - 1) * share + 1e-9)
        ]
        for connection in chosen:
            connection.close(reset=True)
        return len(chosen)

    def delay(self, seconds: float) -> None:
        """Let what is received from now on take so long."""
        self._weather.delay_seconds = seconds
        for connection in self.connections:
            connection.settle()

    def swallow(self) -> None:
        """Pass no byte, and no end of a stream, from now on."""
        self._weather.swallows = True
        for connection in self.connections:
            connection.settle()

    def pass_on(self) -> None:
        """Pass bytes again, but not on connections that had some swallowed: reset those."""
        for connection in list(self.connections):
            connection.close(reset=True)
        self._weather.swallows = False

    def _accept(self, listener: socket.socket) -> None:
        for client in _waiting(listener):
            connection = Connection(self._weather, self._forget)
            self.connections[connection] = None
            self._tasks.create_task(connection.open(client, self._target))

    def _forget(self, connection: Connection) -> None:
        self.connections.pop(connection, None)

    def _bound(self) -> socket.socket:
        bound = socket.socket()
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((_HOST, self._port))
        return bound


class Commands:
    """What the owner may ask for: each method, with its arguments by name."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._links: dict[str, Link] = {}

    def answer(self, line: bytes) -> bytes:
        """Obey one line, and return the line that says what came of it."""
        command = json.loads(line)
        try:
            answer: dict[str, Any] = {"value": getattr(self, command.pop("do"))(**command)}
        except OSError as error:
            answer = {"error": str(error)}
        return json.dumps(answer).encode() + b"\n"

    def open(self, name: str, port: int, target: str) -> None:
        """Add a link."""
        self._links[name] = Link(port, target, self._tasks)

    def cut(self, name: str, share: float) -> int:
        """Reset a share of the connections; return how many."""
        return self._links[name].cut(share)

    def delay(self, name: str, seconds: float) -> None:
        """Set the latency of each direction."""
        self._links[name].delay(seconds)

    def swallow(self, name: str, *, on: bool) -> None:
        """Begin or end a black hole."""
        link = self._links[name]
        link.swallow() if on else link.pass_on()

    def refuse(self, name: str, *, on: bool) -> None:
        """Begin or end to refuse connections."""
        link = self._links[name]
        link.refuse() if on else link.listen()

    def counts(self) -> dict[str, int]:
        """Return the number of open connections by link."""
        return {name: len(link.connections) for name, link in self._links.items()}


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    async with asyncio.TaskGroup() as tasks:
        commands = Commands(tasks)
        while line := await reader.readline():
            answer = commands.answer(line)
            # Sockets that were aborted are closed by the loop's next turn.
            await asyncio.sleep(0)
            sys.stdout.buffer.write(answer)
            sys.stdout.buffer.flush()
        # Dials that are under way need not end.
        raise SystemExit


def _waiting(listener: socket.socket) -> Iterator[socket.socket]:
    while True:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        client.setblocking(False)
        yield client


def _parsed(target: str) -> Target:
    host, _, port = target.rpartition(":")
    return target if target.startswith("/") else (host, int(port))


if __name__ == "__main__":
    uvloop.run(_serve())
