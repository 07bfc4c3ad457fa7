"""Runs ASGI apps on uvicorn inside a program that owns its signals and its stop."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn

from shared.errors import ConfigurationError


class _Server(uvicorn.Server):
    """A server that leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set ``stop`` on SIGINT and SIGTERM; needs a running loop."""
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)


async def serve(config: uvicorn.Config, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set, then drain within the config's graceful time-out.

    Raises:
        ConfigurationError: The address cannot be listened on; uvicorn itself would end the process
            from inside, and nothing else would be drained.
    """
    listener = _listen(config.host, config.port, config.backlog)
    server = _Server(config)
    try:
        await _serve_until(server, listener, stop)
    finally:
        # uvicorn closes its sockets at the end of a drain, not when it is cancelled.
        for listening in getattr(server, "servers", ()):
            listening.close()
        listener.close()
    if not stop.is_set():
        raise RuntimeError("the HTTP server ended by itself")


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        raise ConfigurationError([f"cannot listen on {host}:{port}: {error}"]) from error
    # Connections take it over. asyncio sets it only where the socket names its protocol, and then
    # the end of an answer waits 40 ms for the acknowledgement of its beginning.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _serve_until(
    server: uvicorn.Server, listener: socket.socket, stop: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listener]), name="serve")
        waiting = group.create_task(stop.wait(), name="await-stop")
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        waiting.cancel()
        await serving
