"""A small HTTP/1.1 client: kept connections, every wait bounded, nothing tried twice by itself."""

import asyncio
from typing import NamedTuple

#: What a broken connection raises, at any moment.
CONNECTION_FAULTS = (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class Response(NamedTuple):
    """An answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connections:
    """Connections to one server, kept while both sides allow."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(
        self, path: str, body: bytes, headers: dict[str, str], *, timeout_seconds: float
    ) -> Response:
        """Send one request and read its answer.

        Raises:
            OSError, EOFError: The connection broke: nobody knows what became of the request.
            TimeoutError: No answer came in time.
        """
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await self._open()
            try:
                writer.write(self._request(path, body, headers))
                response = await _read(reader)
            except BaseException:
                writer.transport.abort()
                raise
        if response.headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return response

    def close(self) -> None:
        """Close what is idle."""
        for _, writer in self._idle:
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    def _request(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        lines = [
            f"POST {path} HTTP/1.1",
            f"host: {self._host}:{self._port}",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


async def _read(reader: asyncio.StreamReader) -> Response:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, separator, value in (line.partition(":") for line in head[1:])
        if separator
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(int(head[0].split(" ", 2)[1]), headers, body)
