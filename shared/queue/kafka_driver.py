"""What can be expected of aiokafka when brokers are away, refuse, or break off in mid-sentence."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: What its clients raise then. The first three are meant to be raised; the others escape from
#: their inner workings when a connection breaks under them: the event loop's RuntimeError about a
#: closed transport, a KeyError about a batch that was given up, a connection that is None by now.
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


def _translated(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a sending method that reports a closed transport as a broken connection."""

    @wraps(method)
    def send(*args: _P.args, **options: _P.kwargs) -> _T:
        try:
            return method(*args, **options)
        except RuntimeError as error:
            connection: Any = args[0]
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"{connection!r}: {error}") from error

    return send


# uvloop raises RuntimeError where something is written to a transport that has just been closed,
# and the driver expects OSError alone: its task that keeps the brokers' addresses ends for good,
# and all that waits for it with it. Source: https://github.com/aio-libs/aiokafka/issues/1038
AIOKafkaConnection.send = _translated(AIOKafkaConnection.send)
AIOKafkaConnection._send_sasl_token = _translated(AIOKafkaConnection._send_sasl_token)  # noqa: SLF001 - no public way


async def close_client(client: Any) -> None:
    """Close every connection of a driver's client, also where its own closing fails half-way."""
    with suppress(*DRIVER_ERRORS):
        await client.close()
        return
    client._sync_task = None  # noqa: SLF001 - ended, and its error would be raised again
    for connection in list(client._conns.values()):  # noqa: SLF001 - no public way
        with suppress(*DRIVER_ERRORS):
            connection.close()
