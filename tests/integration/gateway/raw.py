"""A sender that writes its own bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.integration.gateway.world import (
    PATIENCE_SECONDS,
    SECRET,
    SIGNATURE_HEADER,
    path_of,
    signature,
)


@dataclass(frozen=True)
class Socket:
    """One connection to a gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes; a gateway that has closed is no error."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def read_to_end(self, *, within_seconds: float = PATIENCE_SECONDS) -> bytes:
        """Return what comes until the gateway closes."""
        received = b""
        async with asyncio.timeout(within_seconds):
            while True:
                try:
                    piece = await self.reader.read(65_536)
                except ConnectionError:
                    return received
                if not piece:
                    return received
                received += piece

    async def read_answer(self) -> tuple[int, bytes]:
        """Return status and body of one answer."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            return int(head.split(b" ")[1]), await self.reader.readexactly(length)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Socket]:
    """Connect to a gateway."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Socket(reader, writer)
    finally:
        writer.close()


def head(
    *lines: bytes, method: bytes = b"POST", path: str = path_of(), version: bytes = b"1.1"
) -> bytes:
    """Return a request's head."""
    request = b"%b %b HTTP/%b" % (method, path.encode("latin-1"), version)
    return b"\r\n".join([request, b"Host: hooks.example.com", *lines, b"", b""])


def signed(body: bytes, secret: str = SECRET) -> bytes:
    """Return the line of the signature header."""
    return f"{SIGNATURE_HEADER}: {signature(body, secret)}".encode()


def request(body: bytes = b"{}", *lines: bytes) -> bytes:
    """Return a whole signed request."""
    return head(signed(body), b"Content-Length: %d" % len(body), *lines) + body


def status(answer: bytes) -> int:
    """Return the status of an answer's bytes; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
