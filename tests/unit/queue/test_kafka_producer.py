"""What the kafka producer does about a driver that stops working, with drivers made to."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, RequestTimedOutError

from shared.errors import QueueUnavailable
from shared.queue.kafka import producer as module
from shared.queue.kafka.producer import KafkaProducer
from shared.queue.security import KafkaSecurity
from tests.contract.ledger import make_delivery


class _Connections:
    async def close(self) -> None:
        """Do nothing."""


class _Builder:
    """Takes whatever it is given."""

    def append(self, **_: object) -> bool:
        return True

    def close(self) -> None:
        """Do nothing."""


class _Accumulator:
    def fail_all(self, _: Exception) -> None:
        """Nothing waits."""


class _Driver:
    """Stands in for AIOKafkaProducer: a topic of one partition, and one way to fail, or none."""

    def __init__(self, failure: Exception | None) -> None:
        self._failure = failure
        self.client = _Connections()
        self._message_accumulator = _Accumulator()
        self.sent_count = 0
        self.stop_count = 0

    async def start(self) -> None:
        """Do nothing."""

    async def partitions_for(self, _: str) -> set[int]:
        return {0}

    def create_batch(self) -> _Builder:
        return _Builder()

    async def send_batch(self, *_: object, **__: object) -> asyncio.Future[None]:
        answer = asyncio.get_running_loop().create_future()
        if self._failure is None:
            self.sent_count += 1
            answer.set_result(None)
        else:
            answer.set_exception(self._failure)
        return answer

    async def stop(self) -> None:
        self.stop_count += 1


def _producer(monkeypatch: pytest.MonkeyPatch, drivers: Sequence[_Driver]) -> KafkaProducer:
    """Return a producer that uses one driver after the other."""
    waiting = list(drivers)

    def next_driver(**_: Any) -> _Driver:
        return waiting.pop(0)

    monkeypatch.setattr(module, "AIOKafkaProducer", next_driver)
    monkeypatch.setattr(module, "_HOLD_OFF_SECONDS", 0.0)
    return KafkaProducer("unused:9092", topic="unused", security=KafkaSecurity())


@pytest.mark.parametrize(
    "failure", [OutOfOrderSequenceNumber(), KafkaError(), KeyError("batch")], ids=repr
)
async def test_a_driver_that_cannot_go_on_is_replaced_at_once(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """What does not pass by itself would be met at each send, until somebody starts us anew."""
    wedged, fresh = _Driver(failure), _Driver(None)
    producer = _producer(monkeypatch, [wedged, fresh])
    with pytest.raises(QueueUnavailable):
        await producer.send([make_delivery()])
    assert wedged.stop_count == 1
    await producer.send([make_delivery()])
    assert fresh.sent_count == 1


@pytest.mark.parametrize("failure", [RequestTimedOutError(), TimeoutError()], ids=repr)
async def test_a_driver_without_an_answer_is_kept_for_a_while(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """A broker that is away is no fault of the driver, unless that goes on for too long."""
    wedged, fresh = _Driver(failure), _Driver(None)
    producer = _producer(monkeypatch, [wedged, fresh])
    with pytest.raises(QueueUnavailable):
        await producer.send([make_delivery()])
    assert wedged.stop_count == 0
    monkeypatch.setattr(module, "_WEDGED_SECONDS", 0.0)
    with pytest.raises(QueueUnavailable):
        await producer.send([make_delivery()])
    assert wedged.stop_count == 1
    await producer.send([make_delivery()])
    assert fresh.sent_count == 1
