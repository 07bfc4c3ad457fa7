"""The system's resolver, kept from holding up anything but those who wait for it.

It blocks a thread, for half a minute where a name's servers are silent, and cannot be cancelled.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from worker.forwarding.addresses import Address, parse_address

#: Returns what ``socket.getaddrinfo`` does.
Lookup = Callable[[str, int], Sequence[Any]]

_AT_ONCE = 32


def _system_lookup(host: str, port: int) -> Sequence[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class SystemResolver:
    """Looks names up in threads of its own, each name in one at a time.

    Those who ask for a name that is being looked up wait for the same answer, so that one name
    whose servers are silent takes one thread, however many deliveries go there. The threads end
    with the program, whatever they wait for.
    """

    def __init__(self, *, lookup: Lookup = _system_lookup, at_once: int = _AT_ONCE) -> None:
        self._lookup = lookup
        self._free = asyncio.Semaphore(at_once)
        self._under_way: dict[tuple[str, int], asyncio.Future[list[Address]]] = {}

    async def __call__(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host.

        Raises:
            OSError: It has none, or no answer came.
        """
        place = (host, port)
        answer = self._under_way.get(place)
        if answer is None:
            await self._free.acquire()
            answer = self._under_way.get(place)
            if answer is None:
                answer = self._begin(place)  # gives its thread back when it ends
            else:
                self._free.release()
        return await asyncio.shield(answer)

    def _begin(self, place: tuple[str, int]) -> "asyncio.Future[list[Address]]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Address]] = loop.create_future()
        self._under_way[place] = answer
        answer.add_done_callback(lambda _: self._end(place))

        def look_up() -> None:
            try:
                addresses = [parse_address(str(row[4][0])) for row in self._lookup(*place)]
                settle = partial(answer.set_result, addresses)
            except (OSError, ValueError) as error:  # a name that cannot be encoded is a ValueError
                settle = partial(answer.set_exception, error)
            with suppress(RuntimeError):  # the program has ended meanwhile
                loop.call_soon_threadsafe(settle)

        threading.Thread(target=look_up, name="resolver", daemon=True).start()
        return answer

    def _end(self, place: tuple[str, int]) -> None:
        self._under_way.pop(place).exception()  # seen, even where nobody waits any more
        self._free.release()
