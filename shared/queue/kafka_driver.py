"""What can be expected of aiokafka when brokers are away, refuse, or break off in mid-sentence."""

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka.errors import KafkaError

#: What its clients raise then. The first three are meant to be raised; the others escape from
#: their inner workings when a connection breaks under them: the event loop's RuntimeError on
#: writing to a closed transport, a KeyError about a batch that was given up, a connection that is
#: None by now.
DRIVER_ERRORS = (
    KafkaError,
    OSError,
    TimeoutError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    asyncio.InvalidStateError,
)


async def close_client(client: Any) -> None:
    """Close every connection of a driver's client, also where its own closing fails half-way."""
    with suppress(*DRIVER_ERRORS):
        await client.close()
        return
    client._sync_task = None  # noqa: SLF001 - ended, and its error would be raised again
    for connection in list(client._conns.values()):  # noqa: SLF001 - no public way
        with suppress(*DRIVER_ERRORS):
            connection.close()
