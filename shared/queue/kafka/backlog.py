"""How far the workers have come with what was sent to Kafka."""

import asyncio
from collections import deque
from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.errors import QueueUnavailable
from shared.queue.kafka.membership import Membership, leave
from shared.queue.kafka_driver import DRIVER_ERRORS

_SECONDS = 10.0
#: Marks that wait to be passed. Further ones are not needed: the oldest is passed first.
_MOST_MARKS = 32

_Offsets = Mapping[TopicPartition, int]


class _Mark(NamedTuple):
    """The ends of the partitions at a moment."""

    at: float
    ends: _Offsets


class KafkaBacklog:
    """Remembers ends of the log, and notes when the group has finished everything before them."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._marks: deque[_Mark] = deque()
        self._finished_at: float | None = None

    async def finished_seconds_ago(self) -> float | None:
        """Return so many seconds that all sent before then is finished; None when unknown."""
        ends, positions = await self._read()
        now = monotonic()
        if len(self._marks) < _MOST_MARKS:
            self._marks.append(_Mark(now, ends))
        while self._marks and _is_passed(self._marks[0].ends, ends, positions):
            self._finished_at = self._marks.popleft().at
        return None if self._finished_at is None else now - self._finished_at

    async def _read(self) -> tuple[_Offsets, _Offsets]:
        """Return the ends of the partitions, and how far the group had come after that."""
        membership = self._membership
        driver = AIOKafkaConsumer(
            bootstrap_servers=membership.bootstrap,
            group_id=membership.group_id,
            enable_auto_commit=False,
            **membership.security.client_options(),
        )
        try:
            async with asyncio.timeout(_SECONDS):
                await driver.start()
                return await self._ask(driver)
        except DRIVER_ERRORS as error:
            raise QueueUnavailable(f"Kafka: {type(error).__name__}: {error}") from error
        finally:
            await leave(driver)

    async def _ask(self, driver: AIOKafkaConsumer) -> tuple[_Offsets, _Offsets]:
        topic = self._membership.topic
        await driver._client._wait_on_metadata(topic)  # noqa: SLF001 - asked by no public way
        numbers = driver.partitions_for_topic(topic) or set()
        partitions = [TopicPartition(topic, number) for number in numbers]
        if not partitions:
            raise QueueUnavailable(f"Kafka: topic {topic} is missing")
        ends = await driver.end_offsets(partitions)
        starts = await driver.beginning_offsets(partitions)
        # What is gone from the start of the log cannot be finished any more by whoever reads it.
        positions = {tp: max(await driver.committed(tp) or 0, starts[tp]) for tp in partitions}
        return ends, positions


def _is_passed(mark: _Offsets, ends: _Offsets, positions: _Offsets) -> bool:
    """Return whether all before a mark is finished, or gone with a log that begins anew."""
    return all(
        tp not in ends or ends[tp] < end or positions[tp] >= end for tp, end in mark.items()
    )
