"""Answers that go on for long: how many there may be, and that they end when the program stops."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from control_api import metrics

_RETRY_AFTER_SECONDS = 10


@dataclass(slots=True)
class Streams:
    """The open streams of this process."""

    most_per_key: int = 5
    #: Set when the program is about to stop.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _open: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def admitted(self, key: str, kind: str) -> Iterator[None]:
        """Count a stream of a caller for as long as it is open.

        Raises:
            HTTPException: The caller has as many as it may.
        """
        if self._open[key] >= self.most_per_key:
            raise HTTPException(
                429,
                f"{self.most_per_key} streams are open already; close one first",
                headers={"retry-after": str(_RETRY_AFTER_SECONDS)},
            )
        self._open[key] += 1
        try:
            with metrics.STREAMS.labels(kind).track_inprogress():
                yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

    async def pause(self, seconds: float) -> None:
        """Sleep for so long, or until the program is about to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return


class CountedStream(StreamingResponse):
    """A stream that counts from its first byte to its last."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        *,
        streams: Streams,
        key: str,
        kind: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(content, headers=headers)
        self._streams = streams
        self._key = key
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, unless the key has too many open."""
        with self._streams.admitted(self._key, self._kind):
            await super().__call__(scope, receive, send)
