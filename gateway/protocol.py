"""The HTTP protocol with what uvicorn leaves open: a time to receive, a cap on headers in flight.

Source: https://github.com/encode/uvicorn/issues/157 (slow senders are never timed out).
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway import metrics

_CLOSE = b"connection: close\r\ncontent-length: 0\r\n\r\n"
_REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\n" + _CLOSE
_HEADERS_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _CLOSE
_CHECK_SECONDS = 0.5


class CoalescingTransport:
    """Gathers what is written in one turn of the loop into one write to the socket.

    uvicorn writes the head and the body of an answer apart. On loopback each write costs the
    sender's kernel the whole way to the receiver: a twelfth of this program's time.
    """

    __slots__ = ("_loop", "_parts", "_transport")

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write at the end of this turn."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Write what is left, then close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))


class ReceiveDeadlineProtocol(HttpToolsProtocol):
    """Knows how long a request has been on its way in; ``watch_receiving`` ends slow ones."""

    max_header_bytes: ClassVar[int] = 64 * 1024
    open_protocols: ClassVar[set["ReceiveDeadlineProtocol"]] = set()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: None while no request is on its way in: between requests uvicorn's keep-alive counts.
        self.receiving_since: float | None = None
        #: Received since the last step forward: a head that is complete, a piece of body.
        self._idle_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Start the clock at the connection, so that a silent one ends too."""
        super().connection_made(transport)
        gathering: Any = CoalescingTransport(transport, self.loop)
        self.transport = gathering
        self.receiving_since = self.loop.time()
        self.open_protocols.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.open_protocols.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Cap what the parser gathers: it takes headers and trailers of any size.

        Held against the cap when more comes, so that what completes a head counts as one.
        """
        if self._idle_bytes > self.max_header_bytes:
            self._refuse(_HEADERS_TOO_LARGE)
            return
        self._idle_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the clock of a request."""
        super().on_message_begin()
        if self.receiving_since is None:
            self.receiving_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Count anew; trailers are let go, as what they say was not checked."""
        super().on_headers_complete()
        self._idle_bytes = 0
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Count anew: the receiver caps the body."""
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock."""
        super().on_message_complete()
        self.receiving_since = None
        self._idle_bytes = 0

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: the receiver refuses what matters, and a sender could fill the log."""

    def time_out(self) -> None:
        """Answer 408 where no answer has begun, and close."""
        metrics.TIMED_OUT_CONNECTIONS.inc()
        self._refuse(_REQUEST_TIMEOUT)

    def _refuse(self, response: bytes) -> None:
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.write(response)
        elif not cycle.response_started:
            # The application may still be reading: it gets a disconnect, the sender the answer.
            cycle.disconnected = True
            self.transport.write(response)
        self.transport.close()


async def watch_receiving(timeout_seconds: float) -> None:
    """End connections whose request does not arrive in time, until cancelled.

    One loop over all connections instead of a timer for each: a request pays nothing for it.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_CHECK_SECONDS)
        oldest = loop.time() - timeout_seconds
        for protocol in list(ReceiveDeadlineProtocol.open_protocols):
            if protocol.receiving_since is not None and protocol.receiving_since < oldest:
                protocol.time_out()
