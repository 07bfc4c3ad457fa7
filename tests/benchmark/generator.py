"""Our own load generator: keep-alive connections in closed loop, paced, or all at once.

Paced requests count their latency from when they were due, not from when a connection was free,
so that a server that stalls is charged for every request that it kept waiting.
Source: https://github.com/giltene/wrk2#acknowledgements (coordinated omission).
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

HOST = "127.0.0.1"
_DRAIN_SECONDS = 10.0
_TICK_SECONDS = 0.001


class Answer(NamedTuple):
    """A response; status 0 when the connection broke instead."""

    status: int
    body: bytes


#: Told of each answer to a request and of the time from which its latency counts.
Answered = Callable[["Connection", Answer, float], None]


class Run(NamedTuple):
    """What became of the requests of a run."""

    latencies: list[float]
    failures: int
    seconds: float


class Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self) -> None:
        self.answered: Answered = lambda *_: None
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # Not tested for: uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, since: float) -> None:
        """Send a request whose latency counts from ``since``."""
        self._since = since
        if self._transport is None or self._transport.is_closing():
            self._finish(Answer(0, b""))
        else:
            self._transport.write(request)

    def send_part(self, part: bytes) -> None:
        """Send the beginning of a request."""
        if self._transport is not None:
            self._transport.write(part)

    def data_received(self, data: bytes) -> None:
        """Take a response apart: a status line, headers with content-length, a body."""
        received = self._received = self._received + data
        head_end = received.find(b"\r\n\r\n") + 4
        if head_end < 4:
            return
        name_at = received.lower().find(b"content-length:", 0, head_end)
        value_end = received.find(b"\r\n", name_at)
        if len(received) >= head_end + int(received[name_at + 15 : value_end]):
            self._received = b""
            self._finish(Answer(int(received[9:12]), received[head_end:]))

    def connection_lost(self, _: Exception | None) -> None:
        """Fail the request under way."""
        self._finish(Answer(0, b""))

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _finish(self, answer: Answer) -> None:
        since, self._since = self._since, None
        if since is not None:
            self.answered(self, answer, since)


async def open_connections(port: int, connection_count: int) -> list[Connection]:
    """Return connections to a server on this machine."""
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(Connection, HOST, port))[1] for _ in range(connection_count)
    ]


async def closed_loop(
    port: int, requests: Iterator[bytes], *, connection_count: int, seconds: float
) -> Run:
    """Send on each connection as soon as it has its answer; wait for the last ones.

    ``requests`` must not run out; who gives too few gets failures.
    """
    latencies: list[float] = []
    failures = 0
    connections = await open_connections(port, connection_count)
    idle = asyncio.Semaphore(0)
    started = time.perf_counter()
    end = started + seconds

    def answered(connection: Connection, answer: Answer, since: float) -> None:
        nonlocal failures
        now = time.perf_counter()
        latencies.append(now - since)
        failures += answer.status != 200
        request = next(requests, b"") if now < end and answer.status else b""
        if request:
            connection.send(request, time.perf_counter())
        else:
            idle.release()

    for connection in connections:
        connection.answered = answered
        connection.send(next(requests), time.perf_counter())
    async with asyncio.timeout(seconds + _DRAIN_SECONDS):
        for _ in connections:
            await idle.acquire()
    elapsed = time.perf_counter() - started
    _close(connections)
    return Run(latencies, failures, elapsed)


class _Pacer:
    """Sends what is due on connections that are free; what finds none waits its turn."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        #: Used in turn: one that rested for long would be closed by the server.
        self._free = deque(connections)
        self._waiting: deque[tuple[bytes, float]] = deque()
        self.latencies: list[float] = []
        self.failures = 0
        for connection in connections:
            connection.answered = self._answered

    def send(self, request: bytes, due: float) -> None:
        if self._free:
            self._free.popleft().send(request, due)
        else:
            self._waiting.append((request, due))

    def _answered(self, connection: Connection, answer: Answer, since: float) -> None:
        self.latencies.append(time.perf_counter() - since)
        self.failures += answer.status != 200
        if self._waiting and answer.status:
            connection.send(*self._waiting.popleft())
        elif answer.status:
            self._free.append(connection)


async def paced(
    port: int, requests: Sequence[bytes], *, connection_count: int, per_second: float
) -> Run:
    """Send the requests at a steady rate, whatever the answers do."""
    connections = await open_connections(port, connection_count)
    pacer = _Pacer(connections)
    gc.disable()  # a pause of ours would be counted as the server's
    try:
        started = time.perf_counter()
        sent = 0
        while sent < len(requests):
            due_count = int((time.perf_counter() - started) * per_second) + 1
            for number in range(sent, min(due_count, len(requests))):
                pacer.send(requests[number], started + number / per_second)
            sent = max(sent, min(due_count, len(requests)))
            await asyncio.sleep(_TICK_SECONDS)
        elapsed = time.perf_counter() - started
        async with asyncio.timeout(_DRAIN_SECONDS):
            # Answers end this wait; the pacer has no one moment to tell of.
            while len(pacer.latencies) < len(requests):  # noqa: ASYNC110
                await asyncio.sleep(_TICK_SECONDS)
    finally:
        gc.enable()
        _close(connections)
    return Run(pacer.latencies, pacer.failures, elapsed)


async def all_at_once(connections: Sequence[Connection], request: bytes) -> list[Answer]:
    """Send one request on every connection so that all are complete at the same moment."""
    answers: list[Answer] = []
    arrived = asyncio.Semaphore(0)

    def answered(_: Connection, answer: Answer, __: float) -> None:
        answers.append(answer)
        arrived.release()

    for connection in connections:
        connection.answered = answered
        connection.send_part(request[:-1])
    for connection in connections:
        connection.send(request[-1:], time.perf_counter())
    async with asyncio.timeout(_DRAIN_SECONDS):
        for _ in connections:
            await arrived.acquire()
    return answers


def _close(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.close()
