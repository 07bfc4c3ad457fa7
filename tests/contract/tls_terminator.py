"""TLS in front of a server that speaks none, as a load balancer has it; it offers HTTP/2."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class TlsTerminator:
    """Deciphers what it gets and passes it on; in a thread of its own."""

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        self._host, _, self._target_port = target.rpartition(":")
        self._context = context
        self._stop = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        #: What clients sent, deciphered, a connection each.
        self.received: list[bytearray] = []
        #: The names that clients proved to have, a connection each; None without a certificate.
        self.clients: list[str | None] = []

    @contextmanager
    def running(self) -> Iterator["TlsTerminator"]:
        """Serve until the end of the block."""
        loop = asyncio.new_event_loop()
        ready = threading.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=(self._run(ready),))
        thread.start()
        try:
            assert ready.wait(timeout=30)
            yield self
        finally:
            loop.call_soon_threadsafe(self._stop.set)
            thread.join()
            loop.close()

    async def _run(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = bytearray()
        self.received.append(seen)
        self.clients.append(_common_name(writer.get_extra_info("peercert")))
        inner = await asyncio.open_connection(self._host, int(self._target_port))
        self._writers |= {writer, inner[1]}
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(reader, inner[1], seen))
            group.create_task(_pass_on(inner[0], writer, bytearray()))


def server_context(pair: Path, *, clients_of: Path | None = None) -> ssl.SSLContext:
    """Return a server's context; where an authority is named it demands a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    context.set_alpn_protocols(["h2"])
    if clients_of is not None:
        context.load_verify_locations(clients_of)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray
) -> None:
    try:
        while data := await reader.read(65536):
            seen += data
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # either side may go at any moment
    finally:
        writer.close()


def _common_name(certificate: dict[str, Any] | None) -> str | None:
    if not certificate:
        return None
    names = dict(part for parts in certificate["subject"] for part in parts)
    return str(names["commonName"])
