"""The resolver's threads: few, apart, one a name."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import pytest

from worker.forwarding.resolving import SystemResolver

_ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


class _SilentServers:
    """A lookup that blocks until it is told to go on; counts those that are in it."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked: list[str] = []
        self._arrived = threading.Semaphore(0)

    def __call__(self, host: str, _: int) -> Sequence[Any]:
        self.asked.append(host)
        self._arrived.release()
        assert self.go_on.wait(10)
        return _ANSWER

    async def more_asked(self, count: int) -> None:
        """Wait until so many more lookups have begun."""
        for _ in range(count):
            assert await asyncio.to_thread(self._arrived.acquire, timeout=10)


async def test_silent_names_take_no_thread_of_others() -> None:
    """However many names are waited for, the loop's own threads are free, and few are taken."""
    servers = _SilentServers()
    resolver = SystemResolver(lookup=servers, at_once=4)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(resolver(f"{n}.example", 443)) for n in range(60)]
        await servers.more_asked(4)
        async with asyncio.timeout(2):
            assert await asyncio.to_thread(lambda: 7) == 7
        assert len(servers.asked) == 4
        servers.go_on.set()
    assert len(servers.asked) == 60
    assert {tuple(task.result()) for task in tasks} == {(ip_address("192.0.2.1"),)}


async def test_one_name_is_looked_up_once_at_a_time() -> None:
    """Deliveries to one target share an answer, and leave the other threads to other names."""
    servers = _SilentServers()
    resolver = SystemResolver(lookup=servers, at_once=2)
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(resolver("silent.example", 443))
        await servers.more_asked(1)
        group.create_task(resolver("other.example", 443))
        await servers.more_asked(1)
        assert sorted(servers.asked) == ["other.example", "silent.example"]
        servers.go_on.set()


async def test_waiting_ends_before_the_lookup() -> None:
    """Who runs out of time leaves; the thread is counted until it ends, and then serves anew."""
    servers = _SilentServers()
    resolver = SystemResolver(lookup=servers, at_once=1)
    for host in ("a.example", "b.example"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await resolver(host, 443)
    assert servers.asked == ["a.example"]
    servers.go_on.set()
    async with asyncio.timeout(5):
        assert await resolver("c.example", 443) == [ip_address("192.0.2.1")]
    assert servers.asked == ["a.example", "c.example"]


async def test_name_without_an_address_is_an_error_each_time() -> None:
    """A failure is told to all who wait, and the next asks anew."""

    def unknown(host: str, _: int) -> Sequence[Any]:
        raise socket.gaierror(socket.EAI_NONAME, f"no {host}")

    resolver = SystemResolver(lookup=unknown, at_once=1)
    for _ in range(2):
        results = await asyncio.gather(
            *(resolver("nowhere.example", 443) for _ in range(3)), return_exceptions=True
        )
        assert [type(result) for result in results] == [socket.gaierror] * 3
