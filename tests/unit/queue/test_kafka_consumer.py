"""What the kafka consumer does about a driver that misbehaves, with a driver made to."""

import asyncio
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, CorruptRecordException

from shared.errors import QueueUnavailable
from shared.queue.kafka import consumer as module
from shared.queue.kafka.consumer import KafkaConsumer
from shared.queue.kafka.membership import Membership
from shared.queue.offsets import OffsetTracker

_PARTITION = TopicPartition("topic", 0)


class _Connections:
    async def close(self) -> None:
        """Do nothing."""


class FakeDriver:
    """Stands in for AIOKafkaConsumer: has all partitions, never hands out a record."""

    def __init__(
        self, *, end: int = 0, failure: Exception | None = None, partition_count: int = 1
    ) -> None:
        self._client = _Connections()
        self._end = end
        self._failure = failure
        self._numbers = range(partition_count)
        self.committed: list[dict[TopicPartition, int]] = []
        self.is_stopped = False

    async def getmany(self, *_: TopicPartition, **_options: int) -> Any:
        """Return nothing, or fail."""
        await asyncio.sleep(0)
        if self._failure is not None:
            raise self._failure
        return {}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Keep what is committed, or fail."""
        if self._failure is not None:
            raise self._failure
        self.committed.append(offsets)

    def partitions_for_topic(self, _: str) -> set[int]:
        """Return the numbers of the partitions."""
        return set(self._numbers)

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions."""
        return {TopicPartition("topic", number) for number in self._numbers}

    async def end_offsets(self, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the ends of partitions."""
        return dict.fromkeys(partitions, self._end)

    async def position(self, _: TopicPartition) -> int:
        """Return where the driver reads on."""
        return 0

    async def stop(self) -> None:
        """Note that it was asked to."""
        self.is_stopped = True


def consumer_over(
    driver: FakeDriver,
    *,
    max_in_flight: int = 10,
    max_crowded: int = 10,
    session_seconds: float = 30.0,
) -> KafkaConsumer:
    """Return a consumer that has joined with this driver."""
    membership = Membership(
        bootstrap="nowhere:9",
        topic="topic",
        group_id="group",
        session_seconds=session_seconds,
        drain_seconds=0.05,
    )
    consumer = KafkaConsumer(membership, max_in_flight=max_in_flight, max_crowded=max_crowded)
    consumer._current = driver
    return consumer


async def test_a_silent_driver_is_replaced_when_records_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Silence with lag is a driver that stopped fetching: it goes, the next call joins anew."""
    monkeypatch.setattr(module, "_SILENCE_SECONDS", 0.0)
    driver = FakeDriver(end=5)
    consumer = consumer_over(driver)
    with pytest.raises(QueueUnavailable):
        await consumer.receive(limit=1, wait_seconds=0)
    assert driver.is_stopped
    assert consumer._current is None


async def test_a_silent_driver_is_kept_when_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence of an empty topic is no fault."""
    monkeypatch.setattr(module, "_SILENCE_SECONDS", 0.0)
    driver = FakeDriver(end=0)
    assert await consumer_over(driver).receive(limit=1, wait_seconds=0) == []
    assert not driver.is_stopped


async def test_a_driver_that_is_not_asked_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowded lane with as much in hand as it may have waits because of us."""
    monkeypatch.setattr(module, "_SILENCE_SECONDS", 0.0)
    driver = FakeDriver(end=5, partition_count=4)
    consumer = consumer_over(driver, max_in_flight=10, max_crowded=1)
    crowded = TopicPartition("topic", 3)
    tracker = consumer._trackers[crowded] = OffsetTracker()
    tracker.receive(0)
    assert await consumer.receive(limit=1, wait_seconds=0) == []
    assert not driver.is_stopped
    tracker.finish(0)
    with pytest.raises(QueueUnavailable):
        await consumer.receive(limit=1, wait_seconds=0)


async def test_the_group_learns_that_we_live_while_the_same_come_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Deliveries that are given back again and again do not let the driver think us dead."""
    driver = _driver_with([0])
    consumer = consumer_over(driver)
    (receipt,) = await consumer.receive(limit=1, wait_seconds=0)
    monkeypatch.setattr(module, "_SIGN_OF_LIFE_SECONDS", 0.0)
    asked: list[tuple[TopicPartition, ...]] = []

    async def getmany(*partitions: TopicPartition, **_: Any) -> Any:
        await asyncio.sleep(0)
        asked.append(partitions)
        return {}

    driver.getmany = getmany  # type: ignore[method-assign]
    await consumer.nack(receipt, delay_seconds=0)
    assert await consumer.receive(limit=1, wait_seconds=0) == [receipt]
    assert asked == [(TopicPartition("topic", -1),)]


async def test_a_failed_driver_is_replaced() -> None:
    """What the driver raises becomes an outage of the queue, and a new driver."""
    driver = FakeDriver(failure=CorruptRecordException())
    with pytest.raises(QueueUnavailable):
        await consumer_over(driver).receive(limit=1, wait_seconds=0)
    assert driver.is_stopped


async def test_a_failed_commit_is_no_fault_of_the_caller() -> None:
    """A position that could not be committed stays to be committed; close does not raise."""
    driver = FakeDriver(failure=CommitFailedError())
    consumer = consumer_over(driver)
    tracker = consumer._trackers[_PARTITION] = OffsetTracker()
    tracker.receive(7)
    tracker.finish(7)
    await consumer.close()
    assert tracker.uncommitted == 8
    assert driver.is_stopped


class _Refusal:
    """Commits of one tracked delivery that end as they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, driver: FakeDriver) -> None:
        for pause in ("_COMMIT_PAUSE_SECONDS", "_COMMIT_EVERY_SECONDS"):
            monkeypatch.setattr(module, pause, 0.0)
        monkeypatch.setattr(driver, "commit", self._commit)
        self.consumer = consumer_over(driver, session_seconds=0.02)
        self._failure: Exception | None = None
        self._offset = 0

    async def _commit(self, _: object) -> None:
        if self._failure is not None:
            raise self._failure

    async def commit(self, failure: Exception | None) -> None:
        """Have a delivery finished and committed, a session after the one before."""
        self._failure = failure
        tracker = self.consumer._trackers.setdefault(_PARTITION, OffsetTracker())
        tracker.receive(self._offset)
        tracker.finish(self._offset)
        self._offset += 1
        await asyncio.sleep(0.03)
        assert await self.consumer.receive(limit=1, wait_seconds=0) == []


@pytest.mark.parametrize("failure", [TimeoutError(), CommitFailedError()], ids=repr)
async def test_a_driver_whose_commits_fail_is_replaced(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """With brokers that answer: the group has given its partitions to others."""
    driver = FakeDriver()
    refusal = _Refusal(monkeypatch, driver)
    await refusal.commit(failure)
    await refusal.commit(failure)
    with pytest.raises(QueueUnavailable, match="commits fail"):
        await refusal.commit(failure)
    assert driver.is_stopped
    assert refusal.consumer._current is None


async def test_commits_that_fail_for_a_while_are_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that gets through shows that the group still knows us."""
    driver = FakeDriver()
    refusal = _Refusal(monkeypatch, driver)
    for failure in (TimeoutError(), TimeoutError(), None) * 3:
        await refusal.commit(failure)
    assert not driver.is_stopped


async def test_a_driver_is_kept_while_brokers_are_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are back know it; a new one would wait until they have forgotten it."""
    driver = FakeDriver()
    refusal = _Refusal(monkeypatch, driver)

    async def fail(_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(driver, "end_offsets", fail)
    for _ in range(6):
        await refusal.commit(TimeoutError())
    assert not driver.is_stopped


async def test_revoked_partitions_are_committed_and_forgotten() -> None:
    """What was finished counts; what is acknowledged later does not."""
    driver = FakeDriver()
    consumer = consumer_over(driver)
    tracker = consumer._trackers[_PARTITION] = OffsetTracker()
    for offset in (3, 4):
        tracker.receive(offset)
    tracker.finish(3)
    await consumer.on_partitions_revoked([_PARTITION])
    tracker.finish(4)
    await consumer.close()
    assert driver.committed == [{_PARTITION: 4}]


async def test_nothing_is_taken_while_too_much_is_unfinished() -> None:
    """At the bound the driver keeps its records; acknowledging makes room."""
    consumer = consumer_over(FakeDriver(failure=CorruptRecordException()), max_in_flight=1)
    consumer._commit_at = float("inf")
    tracker = consumer._trackers[_PARTITION] = OffsetTracker()
    tracker.receive(0)
    asked: list[tuple[TopicPartition, ...]] = []

    async def getmany(*partitions: TopicPartition, **_: Any) -> Any:
        await asyncio.sleep(0)
        asked.append(partitions)
        return {}

    assert consumer._current is not None
    consumer._current.getmany = getmany
    await consumer.receive(limit=1, wait_seconds=0)
    tracker.finish(0)
    await consumer.receive(limit=1, wait_seconds=0)
    assert asked == [(TopicPartition("topic", -1),), ()]


def _record(offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord("topic", 0, offset, 0, 0, b"", b"poison", None, 0, 6, ())


def _driver_with(*batches: list[int]) -> FakeDriver:
    """Return a driver that hands out records with these offsets, a batch at each look."""
    driver = FakeDriver()
    waiting = [[_record(offset) for offset in batch] for batch in batches]

    async def getmany(*_: TopicPartition, **__: Any) -> Any:
        await asyncio.sleep(0)
        return {_PARTITION: waiting.pop(0)} if waiting else {}

    driver.getmany = getmany  # type: ignore[method-assign]
    return driver


async def test_a_log_that_begins_anew_is_read_from_its_start() -> None:
    """Offsets of a topic made anew are other records: none is passed over or committed early."""
    driver = _driver_with([100, 101], [0, 1])
    consumer = consumer_over(driver)
    old = await consumer.receive(limit=10, wait_seconds=0)
    new = await consumer.receive(limit=10, wait_seconds=0)
    assert len(new) == 2
    await consumer.ack(new[0])
    for receipt in old:
        await consumer.ack(receipt)
    await consumer.close()
    assert driver.committed[-1] == {_PARTITION: 1}


async def test_revoking_waits_for_what_is_in_hand() -> None:
    """What ends meanwhile is committed; what was released is not waited for."""
    driver = _driver_with([0, 1])
    membership = Membership(
        bootstrap="nowhere:9", topic="topic", group_id="group", drain_seconds=30
    )
    consumer = KafkaConsumer(membership, max_in_flight=10, max_crowded=10)
    consumer._current = driver
    first, second = await consumer.receive(limit=10, wait_seconds=0)
    await consumer.nack(second, delay_seconds=60)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        revoking = group.create_task(consumer.on_partitions_revoked([_PARTITION]))
        await asyncio.sleep(0)
        assert not revoking.done()
        await consumer.ack(first)
    assert driver.committed == [{_PARTITION: 1}]


async def test_revoking_does_not_wait_for_ever() -> None:
    """What does not end in time comes again elsewhere."""
    driver = _driver_with([0, 1])
    consumer = consumer_over(driver)
    first, _ = await consumer.receive(limit=10, wait_seconds=0)
    await consumer.ack(first)
    await consumer.on_partitions_revoked([_PARTITION])
    assert driver.committed == [{_PARTITION: 1}]
