"""Arrivals at a steady rate, made when they are due, for as long as wanted; every answer counted.

Latency counts from when a request was due, as in ``generator.py``.
"""

import asyncio
import threading
from array import array
from collections import Counter, deque
from collections.abc import Callable, Sequence
from time import perf_counter
from types import TracebackType
from typing import NamedTuple, Self

import uvloop

from tests.benchmark.generator import Answer, Connection, open_connections

#: Few, and used by turns: none is idle for so long that a gateway would hang up.
_CONNECTIONS = 48
_DRAIN_SECONDS = 15.0


class Sending(NamedTuple):
    """A request to send now."""

    request: bytes
    #: Told of the answer.
    answered: Callable[[Answer], None] = lambda _: None
    #: The status that the answer must have.
    wanted: int = 200


class SteadyLoad:
    """Sends in a thread of its own from entering to leaving, whatever the answers do.

    ``per_second`` may be changed meanwhile.
    """

    def __init__(
        self, ports: Sequence[int], source: Callable[[], Sending], *, per_second: float
    ) -> None:
        self.per_second = per_second
        #: Answers other than the wanted ones, by status; 0: the connection broke.
        self.refusals: Counter[int] = Counter()
        self._ports = ports
        self._source = source
        self._waiting: deque[tuple[Sending, float]] = deque()
        self._free: deque[Connection] = deque()
        self._under_way: dict[Connection, Sending] = {}
        #: When each answer came, and how long it took.
        self._answered_at, self._taken = array("d"), array("d")
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="steady-load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    @property
    def answer_count(self) -> int:
        """How many answers have come."""
        return len(self._taken)

    def check(self) -> None:
        """Raise what has ended the load, if anything has."""
        if self._failure is not None:
            raise self._failure

    def latencies_ms(self, since: float, until: float) -> list[float]:
        """Return how long answers took that came in a stretch of ``perf_counter``'s time."""
        pairs = zip(self._answered_at, self._taken, strict=False)
        return [taken * 1000 for at, taken in pairs if since <= at < until]

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._send())
        except BaseException as failure:  # noqa: BLE001 - raised again by the owner's thread
            self._failure = failure

    async def _send(self) -> None:
        share = max(_CONNECTIONS // len(self._ports), 1)
        lines = [await open_connections(port, share) for port in self._ports]
        self._free.extend(connection for line in zip(*lines, strict=True) for connection in line)
        for connection in self._free:
            connection.answered = self._answered
        await self._pace()
        async with asyncio.timeout(_DRAIN_SECONDS):
            while self._under_way or self._waiting:  # noqa: ASYNC110 - answers tell nobody
                await asyncio.sleep(0.01)
        for connection in self._free:
            connection.close()

    async def _pace(self) -> None:
        due = perf_counter()
        while not self._stop.is_set():
            now = perf_counter()
            while due <= now:
                self._dispatch(self._source(), due)
                due += 1 / self.per_second
            await asyncio.sleep(due - now)

    def _dispatch(self, sending: Sending, due: float) -> None:
        if self._free:
            connection = self._free.popleft()
            self._under_way[connection] = sending
            connection.send(sending.request, due)
        else:
            self._waiting.append((sending, due))

    def _answered(self, connection: Connection, answer: Answer, since: float) -> None:
        now = perf_counter()
        self._answered_at.append(now)
        self._taken.append(now - since)
        sending = self._under_way.pop(connection)
        if answer.status != sending.wanted:
            self.refusals[answer.status] += 1
        sending.answered(answer)
        if answer.status:
            self._free.append(connection)
        elif not (self._free or self._under_way):
            raise ConnectionError("no connection is left")
        if self._waiting and self._free:
            self._dispatch(*self._waiting.popleft())
