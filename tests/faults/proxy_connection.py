"""One connection through the proxy: two sockets, and what is under way between them."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

#: Of one direction of one connection: how much may wait for its time, before reading pauses.
_HELD_BYTES = 4 << 20
#: Timers of the loop count whole milliseconds, and may ring a little early.
_TIMER_SECONDS = 0.001
#: On, with no time to linger: close() sends RST, and forgets what was not sent.
_RESET = struct.pack("ii", 1, 0)

#: Where connections lead: host and port, or the path of a Unix socket.
Target = tuple[str, int] | str


@dataclass
class Weather:
    """What is wrong with a link just now, and so with each of its connections."""

    delay_seconds: float = 0.0
    swallows: bool = False


class Side(asyncio.Protocol):
    """One socket of a connection, and what it received that the other side has not got yet."""

    def __init__(self, connection: "Connection", weather: Weather) -> None:
        self.transport: asyncio.Transport | None = None
        self.paused = False  # the kernel takes no more of what is written here
        self._connection = connection
        self._weather = weather
        self._loop = asyncio.get_running_loop()
        #: Each with the time at which it is due; None stands for the end of the stream.
        self._held: deque[tuple[float, bytes | None]] = deque()
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        #: While nothing is in the way: the other transport's write.
        self._write: Callable[[bytes], None] | None = None

    @property
    def other(self) -> "Side":
        """The other side of the connection."""
        client, server = self._connection.sides
        return server if self is client else client

    @property
    def is_open(self) -> bool:
        """Whether there is a socket, and it was not closed."""
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to forward, in both directions."""
        self.transport = cast("asyncio.Transport", transport)
        self.settle()
        self.other.settle()

    def data_received(self, data: bytes) -> None:
        """Forward at once, or when the time has come."""
        if self._write is not None:
            self._write(data)
        else:
            self._hold(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the other side, behind what is under way to it."""
        self._connection.lost(self, exc)

    def pause_writing(self) -> None:
        """Let the sender wait."""
        self.paused = True
        self.other.settle()

    def resume_writing(self) -> None:
        """Go on with what waited."""
        self.paused = False
        self.other.flush()

    def end(self) -> None:
        """End the other side's stream, behind what is under way to it."""
        self._hold(None)

    def drop(self) -> None:
        """Forget what is under way from here."""
        self._held.clear()
        self._held_bytes = 0
        self.settle()

    def flush(self) -> None:
        """Forward what is due."""
        now = self._loop.time() + _TIMER_SECONDS
        while self._held and self._held[0][0] <= now and self._may_write():
            self._pass(self._held.popleft()[1])
        self.settle()

    def settle(self) -> None:
        """Decide anew how to forward, when, and whether to read."""
        to = self.other
        free = self._may_write()
        direct = free and to.is_open and not self._held and not self._weather.delay_seconds
        self._write = to.transport.write if to.transport is not None and direct else None
        if free and self._held and self._timer is None:
            self._timer = self._loop.call_at(self._held[0][0], self._ring)
        if self.transport is None or self.transport.is_closing():
            return
        if self._weather.swallows or to.paused or self._held_bytes > _HELD_BYTES:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _ring(self) -> None:
        self._timer = None
        self.flush()

    def _may_write(self) -> bool:
        to = self.other
        return to.transport is not None and not to.paused and not self._weather.swallows

    def _pass(self, chunk: bytes | None) -> None:
        to = self.other.transport
        self._held_bytes -= len(chunk or b"")
        if to is None or to.is_closing():
            return
        if chunk is None:
            to.close()
        else:
            to.write(chunk)

    def _hold(self, chunk: bytes | None) -> None:
        if not self._weather.swallows:
            # Perhaps due before what is ahead of it, which it waits for all the same.
            self._held.append((self._loop.time() + self._weather.delay_seconds, chunk))
            self._held_bytes += len(chunk or b"")
        if self._timer is None:
            self.flush()
        else:
            self.settle()


class Connection:
    """One connection of a client, and the one that was made for it to the target."""

    def __init__(self, weather: Weather, forget: Callable[["Connection"], None]) -> None:
        self._weather = weather
        self._forget = forget
        self._closed = False
        self._sockets: list[socket.socket] = []
        self.sides = (Side(self, weather), Side(self, weather))

    async def open(self, client: socket.socket, target: Target) -> None:
        """Take a client's socket and dial the target; while that is down, reset the client."""
        near, far = self.sides
        loop = asyncio.get_running_loop()
        self._sockets.append(client)
        try:
            await loop.connect_accepted_socket(lambda: near, client)
            await self._dial(far, target)
        except OSError:
            if not self._weather.swallows:
                self.close(reset=True)
        if self._closed:
            self._abort()  # it was closed before there was something to close

    def lost(self, side: Side, error: Exception | None) -> None:
        """Pass on that a side has ended; nothing of it gets out of a black hole."""
        if self._weather.swallows:
            return
        if error is not None:
            self.close(reset=True)
        elif not any(one.is_open for one in self.sides):
            self._forget(self)
        else:
            side.other.settle()
            side.end()

    def settle(self) -> None:
        """Act on a change of the weather."""
        for side in self.sides:
            side.settle()

    def close(self, *, reset: bool) -> None:
        """Close both sides at once, by RST if asked to, and forget what was under way."""
        self._closed = True
        self._forget(self)
        if reset:
            self._reset_on_close()
        self._abort()
        for side in self.sides:
            side.drop()

    def _abort(self) -> None:
        for side in self.sides:
            if side.transport is not None:
                side.transport.abort()

    def _reset_on_close(self) -> None:
        for one in self._sockets:
            if one.family == socket.AF_INET and one.fileno() >= 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    async def _dial(self, far: Side, target: Target) -> None:
        loop = asyncio.get_running_loop()
        by_tcp = isinstance(target, tuple)
        server = socket.socket(socket.AF_INET if by_tcp else socket.AF_UNIX)
        server.setblocking(False)
        try:
            await loop.sock_connect(server, target)
        except BaseException:
            server.close()
            raise
        self._sockets.append(server)
        create = loop.create_connection if by_tcp else loop.create_unix_connection
        await create(lambda: far, sock=server)
