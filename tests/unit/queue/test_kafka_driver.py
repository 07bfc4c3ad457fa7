"""A driver that breaks in the middle of its closing is let go of all the same."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerClosed
from aiokafka.protocol.metadata import MetadataRequest

from shared.queue.kafka.membership import leave
from shared.queue.kafka.producer import KafkaProducer
from shared.queue.kafka_driver import DRIVER_ERRORS
from shared.queue.security import KafkaSecurity

#: As uvloop says it of a transport that was reset.
_CLOSED = RuntimeError("unable to perform operation on <TCPTransport closed=True>")
_ERRORS = [_CLOSED, KeyError("batch"), AttributeError("write"), KafkaError(), TimeoutError()]

_Send = Callable[[Any], Awaitable[object]]


class _Connection:
    def __init__(self, error: Exception | None = None) -> None:
        self.is_closed = False
        self._error = error

    def close(self) -> None:
        self.is_closed = True
        if self._error is not None:
            raise self._error


class _Client:
    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self._conns = {0: _Connection(_CLOSED), 1: _Connection()}

    async def close(self) -> None:
        if self._error is not None:
            raise self._error
        for connection in self._conns.values():
            connection.is_closed = True


class _Accumulator:
    def fail_all(self, error: Exception) -> None:
        assert isinstance(error, ProducerClosed)


class _Driver:
    """Consumer and producer in one, as far as closing goes."""

    def __init__(self, stop_error: Exception | None, close_error: Exception | None) -> None:
        self._stop_error = stop_error
        self._client = self.client = _Client(close_error)
        self._message_accumulator = _Accumulator()

    async def stop(self) -> None:
        if self._stop_error is not None:
            raise self._stop_error


async def _close_producer(driver: Any) -> None:
    producer = KafkaProducer("unused:9092", topic="unused", security=KafkaSecurity())
    producer._current = driver
    await producer.close()


@pytest.mark.parametrize("let_go", [leave, _close_producer])
@pytest.mark.parametrize("stop_error", [None, *_ERRORS], ids=repr)
@pytest.mark.parametrize("close_error", [None, *_ERRORS], ids=repr)
async def test_driver_is_let_go_of(
    let_go: Callable[[Any], Awaitable[None]],
    stop_error: Exception | None,
    close_error: Exception | None,
) -> None:
    """Whatever it raises, nothing reaches the worker, and no connection stays open."""
    driver = _Driver(stop_error, close_error)
    await let_go(driver)
    assert all(connection.is_closed for connection in driver.client._conns.values())


def test_our_own_mistakes_are_no_driver_errors() -> None:
    """A record that cannot be encoded is not taken for a broker that is away."""
    assert not issubclass(ValueError, DRIVER_ERRORS)
    assert not issubclass(TypeError, DRIVER_ERRORS)


async def _send_on_a_closed_transport(send: _Send) -> list[object]:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    connection = AIOKafkaConnection("unused", 9092)
    connection._versions = {MetadataRequest.API_KEY: (0, 0)}
    connection._reader, connection._writer = reader, writer
    connection._read_task = asyncio.get_running_loop().create_future()
    told: list[object] = []
    connection._on_close_cb = lambda _, reason: told.append(reason)
    writer.transport.abort()
    await writer.wait_closed()
    with pytest.raises(KafkaConnectionError):
        await send(connection)
    assert not connection.connected()
    theirs.close()
    return told


@pytest.mark.parametrize(
    "send",
    [
        lambda connection: connection.send(MetadataRequest([])),
        lambda connection: connection._send_sasl_token(b"token"),
    ],
    ids=["request", "credentials"],
)
def test_a_closed_transport_is_a_broken_connection(send: _Send) -> None:
    """As the driver expects: else its task that keeps the brokers' addresses ends for good."""
    assert uvloop.run(_send_on_a_closed_transport(send)) == [CloseReason.CONNECTION_BROKEN]
