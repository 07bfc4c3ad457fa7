"""Runs ASGI apps on uvicorn inside a program that owns its signals and its stop."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import uvicorn


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
    """Serve until ``stop`` is set, then drain within the config's graceful time-out."""
    server = _Server(config)
    try:
        await _serve_until(server, stop)
    finally:
        # uvicorn closes its sockets at the end of a drain, not when it is cancelled.
        for listener in getattr(server, "servers", ()):
            listener.close()
    if not stop.is_set():
        raise RuntimeError("the HTTP server ended by itself")


async def _serve_until(server: uvicorn.Server, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(), name="serve")
        waiting = group.create_task(stop.wait(), name="await-stop")
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        waiting.cancel()
        await serving
