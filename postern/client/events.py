"""Server-sent events, as the tail of deliveries answers them."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    #: Give it to resume after this event; empty: the event has none.
    id: str
    kind: str
    #: The parsed JSON.
    data: Any


class _Reader:
    """Puts events together from lines. Source: the HTML standard, section 9.2.6."""

    def __init__(self) -> None:
        self._fields: dict[str, list[str]] = {}

    def event(self, line: str) -> Event | None:
        """Take a line; return the event that it ends."""
        if line:
            name, _, value = line.partition(":")
            if name:  # else: a comment, which keeps the connection open
                self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        return Event(
            id=fields.get("id", [""])[-1],
            kind=fields.get("event", ["message"])[-1],
            data=orjson.loads("\n".join(fields["data"])),
        )


def events(lines: Iterator[str]) -> Iterator[Event]:
    """Yield the events in lines."""
    reader = _Reader()
    for line in lines:
        if (event := reader.event(line)) is not None:
            yield event


async def events_async(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Yield the events in lines."""
    reader = _Reader()
    async for line in lines:
        if (event := reader.event(line)) is not None:
            yield event
