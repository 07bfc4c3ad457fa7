"""Receives deliveries from Kafka as a member of a group, and commits only what is finished."""

import asyncio
import heapq
from collections.abc import Collection, Sequence
from itertools import count
from time import monotonic
from typing import Any, NamedTuple, NoReturn

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError

from shared.errors import DecodeError, QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.kafka.membership import Membership, answers, lags, leave
from shared.queue.kafka_driver import DRIVER_ERRORS
from shared.queue.lanes import lanes_of
from shared.queue.offsets import OffsetTracker
from shared.queue.port import PoisonRecord, Receipt
from shared.wire.delivery_v1 import decode

_logger = get_logger(__name__)

_COMMIT_EVERY_SECONDS = 0.2
#: Pause after a commit that failed: it may come again, and the ledger knows.
_COMMIT_PAUSE_SECONDS = 1.0
_COMMIT_SECONDS = 3.0
#: After waiting this long in all without a record: ask whether there are any.
_SILENCE_SECONDS = 30.0
#: Of as many looks where both wait, one takes from the crowded lane first: it must not starve.
_CROWDED_EVERY = 8
#: After so long without asking the driver for anything it is asked all the same: taking us for
#: dead, it would leave the group. Source: max.poll.interval.ms, 300 s
_SIGN_OF_LIFE_SECONDS = 60.0
#: How often is looked whether what is in hand of given-away partitions has ended.
_DRAIN_LOOK_SECONDS = 0.01

_Records = Sequence[ConsumerRecord[Any, Any]]
_Fetched = dict[TopicPartition, _Records]


class _Place(NamedTuple):
    """Where a record stands, in which assignment."""

    partition: TopicPartition
    tracker: OffsetTracker
    offset: int


class KafkaConsumer(ConsumerRebalanceListener):  # type: ignore[misc] # published without types
    """One member of a consumer group; joins when first asked to receive.

    Back-pressure: records are taken from the driver only while fewer than ``max_in_flight`` are
    unfinished; the driver then stops fetching by itself. Its ``pause()`` would throw away and
    fetch again what it holds.
    """

    def __init__(self, membership: Membership, *, max_in_flight: int, max_crowded: int) -> None:
        self._membership = membership
        self._max_in_flight = max_in_flight
        #: Of the crowded lane, see ``shared/queue/lanes.py``.
        self._max_crowded = max_crowded
        self._current: AIOKafkaConsumer | None = None
        self._trackers: dict[TopicPartition, OffsetTracker] = {}
        #: Released deliveries as (due, tie-break, receipt), the first due on top.
        self._released: list[tuple[float, int, Receipt]] = []
        self._sequence = count()
        self._commit_at = 0.0
        #: When it is to be asked why commits fail; None: the last one did not.
        self._refusal_due: float | None = None
        #: Whether brokers answered when it was asked.
        self._is_cut_off = False
        self._silent_seconds = 0.0
        self._asked_at = monotonic()
        self._turn = 0

    async def receive(self, *, limit: int, wait_seconds: float) -> Sequence[Receipt]:
        """Return released deliveries that are due, else new ones; commits what is finished."""
        deadline = monotonic() + wait_seconds
        consumer = await self._connected()
        while True:
            await self._commit_when_due(consumer)
            await self._show_life_when_due(consumer)
            receipts = self._take_released(limit) or await self._poll(consumer, limit, deadline)
            if receipts or monotonic() >= deadline:
                return receipts

    async def ack(self, receipt: Receipt) -> None:
        """Note that a delivery is finished; committed by a later ``receive`` or ``close``.

        Of a partition that was taken away since, nothing is noted: it comes again elsewhere.
        """
        place = _place_of(receipt)
        place.tracker.finish(place.offset)

    async def nack(self, receipt: Receipt, *, delay_seconds: float) -> None:
        """Keep a delivery here until the delay is over; meanwhile its offset is unfinished."""
        entry = (monotonic() + delay_seconds, next(self._sequence), receipt)
        heapq.heappush(self._released, entry)

    async def close(self) -> None:
        """Commit what is finished and leave the group."""
        if self._current is not None:
            await self._commit(self._current)
            await self._discard()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Let what is in hand end, within a time, commit, and forget the partitions.

        What has not ended is not committed: it comes again elsewhere, and whoever ends it first
        has it. What was released waits elsewhere too.
        """
        trackers = [self._trackers[tp] for tp in revoked if tp in self._trackers]
        waiting = {receipt.handle for _, _, receipt in self._released}
        await self._drain(trackers, waiting)
        if self._current is not None:
            await self._commit(self._current)
        for partition in revoked:
            self._trackers.pop(partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Do nothing: the driver may hand out records before it calls this."""

    async def _drain(self, trackers: Sequence[OffsetTracker], waiting: set[object]) -> None:
        deadline = monotonic() + self._membership.drain_seconds
        released = sum(
            isinstance(place, _Place) and place.tracker in trackers for place in waiting
        )
        while (  # noqa: ASYNC110 - acknowledging stays a mere note: nobody is told
            sum(tracker.unfinished_count for tracker in trackers) > released
            and monotonic() < deadline
        ):
            await asyncio.sleep(_DRAIN_LOOK_SECONDS)

    async def _connected(self) -> AIOKafkaConsumer:
        if self._current is None:
            self._current = await self._membership.join(self)
            self._silent_seconds = 0.0
        return self._current

    def _take_released(self, limit: int) -> list[Receipt]:
        now = monotonic()
        taken: list[Receipt] = []
        while self._released and self._released[0][0] <= now and len(taken) < limit:
            receipt = heapq.heappop(self._released)[2]
            place = _place_of(receipt)
            if self._trackers.get(place.partition) is place.tracker:
                taken.append(receipt)
        return taken

    async def _poll(
        self, consumer: AIOKafkaConsumer, limit: int, deadline: float
    ) -> list[Receipt]:
        wait = min(deadline, self._commit_at, *(due for due, _, _ in self._released[:1]))
        wait = max(wait - monotonic(), 0.0)
        room = min(limit, self._max_in_flight - self._unfinished_count())
        if room <= 0:
            await self._rest(consumer, wait)
            return []
        began = monotonic()
        fetched = await self._fetch(consumer, room, wait)
        if fetched or self._leaves_crowd_waiting(consumer):
            self._silent_seconds = 0.0
        else:
            self._silent_seconds += monotonic() - began
        if self._silent_seconds > _SILENCE_SECONDS:
            await self._replace_when_lagging(consumer)
        return [
            receipt
            for partition, records in fetched.items()
            for receipt in self._receipts(partition, records)
        ]

    async def _fetch(self, consumer: AIOKafkaConsumer, room: int, wait: float) -> _Fetched:
        """Return records of the lanes that may be read: plain and ordered ones go first."""
        crowded = self._crowded_partitions(consumer)
        if not crowded:
            return await self._get(consumer, room, wait)
        others = consumer.assignment() - crowded
        crowded_room = min(room, self._max_crowded - self._unfinished_count(crowded))
        if others and crowded_room > 0:
            self._turn = (self._turn + 1) % _CROWDED_EVERY
            first, first_room = (others, room) if self._turn else (crowded, crowded_room)
            if fetched := await self._get(consumer, first_room, 0.0, *first):
                return fetched
            return await self._get(consumer, crowded_room, wait)
        if others:
            return await self._get(consumer, room, wait, *others)
        if crowded_room > 0:
            return await self._get(consumer, crowded_room, wait)
        return await self._rest(consumer, wait)

    async def _rest(self, consumer: AIOKafkaConsumer, wait: float) -> _Fetched:
        await asyncio.sleep(wait)
        return await self._show_life(consumer)

    async def _show_life(self, consumer: AIOKafkaConsumer) -> _Fetched:
        # Asks for a partition that is none: the group learns that we live, nothing is taken.
        return await self._get(consumer, 1, 0.0, TopicPartition(self._membership.topic, -1))

    async def _show_life_when_due(self, consumer: AIOKafkaConsumer) -> None:
        """Ask for nothing when nothing was asked for long: released deliveries kept us busy.

        In a long outage of PostgreSQL the same ones come round all the time.
        """
        if monotonic() - self._asked_at > _SIGN_OF_LIFE_SECONDS:
            await self._show_life(consumer)

    def _leaves_crowd_waiting(self, consumer: AIOKafkaConsumer) -> bool:
        """Return whether records wait because we do not ask for them: that is no silence."""
        crowded = self._crowded_partitions(consumer)
        return len(crowded) > 0 and self._unfinished_count(crowded) >= self._max_crowded

    def _crowded_partitions(self, consumer: AIOKafkaConsumer) -> frozenset[TopicPartition]:
        """Return which of our partitions are the crowded lane's; none where lanes are one."""
        known = consumer.partitions_for_topic(self._membership.topic)
        lanes = lanes_of(sorted(known or ()))
        if lanes.crowded is lanes.plain:
            return frozenset()
        numbers = set(lanes.crowded)
        return frozenset(tp for tp in consumer.assignment() if tp.partition in numbers)

    def _unfinished_count(self, partitions: Collection[TopicPartition] | None = None) -> int:
        return sum(
            tracker.unfinished_count
            for partition, tracker in self._trackers.items()
            if partitions is None or partition in partitions
        )

    async def _get(
        self, consumer: AIOKafkaConsumer, limit: int, wait: float, *partitions: TopicPartition
    ) -> _Fetched:
        self._asked_at = monotonic()
        try:
            # During a rebalance getmany waits for its end, whatever its own time-out.
            async with asyncio.timeout(wait + 1.0):
                fetched: _Fetched = await consumer.getmany(
                    *partitions, timeout_ms=int(wait * 1000), max_records=limit
                )
                return fetched
        except TimeoutError:
            return {}
        except DRIVER_ERRORS as error:
            _logger.warning("kafka_consumer_failed", error=f"{type(error).__name__}: {error}")
            await self._discard()
            raise QueueUnavailable(f"Kafka: {type(error).__name__}: {error}") from error

    def _receipts(self, partition: TopicPartition, records: _Records) -> list[Receipt]:
        tracker = self._trackers.get(partition)
        if tracker is None or tracker.is_behind(records[0].offset):
            # Read anew from an earlier place: the log was lost, or the topic made again. Offsets
            # mean other records now, so that nothing noted of the old ones may count for them.
            tracker = self._trackers[partition] = OffsetTracker()
        return [
            _receipt(record, _Place(partition, tracker, record.offset))
            for record in records
            if tracker.receive(record.offset)
        ]

    async def _commit_when_due(self, consumer: AIOKafkaConsumer) -> None:
        if monotonic() < self._commit_at:
            return
        if await self._commit(consumer):
            self._refusal_due, self._is_cut_off = None, False
            self._commit_at = monotonic() + _COMMIT_EVERY_SECONDS
        else:
            self._commit_at = monotonic() + _COMMIT_PAUSE_SECONDS
            await self._replace_when_refused(consumer)

    async def _commit(self, consumer: AIOKafkaConsumer) -> bool:
        """Commit positions that moved; False when that failed, which only repeats deliveries."""
        moved = {
            partition: (tracker, position)
            for partition, tracker in self._trackers.items()
            if (position := tracker.uncommitted) is not None
        }
        if not moved:
            return True
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await consumer.commit({tp: position for tp, (_, position) in moved.items()})
        except (CommitFailedError, IllegalStateError):
            return False  # the group is changing hands: whoever gets the partition starts earlier
        except DRIVER_ERRORS as error:
            _logger.warning("kafka_commit_failed", error=f"{type(error).__name__}: {error}")
            return False
        for tracker, position in moved.values():
            tracker.committed(position)
        return True

    async def _replace_when_refused(self, consumer: AIOKafkaConsumer) -> None:
        """Join anew after commits failed for a session with brokers that answer.

        The group has gone on without us: a driver whose inner tasks have ended still fetches
        partitions that are others' by now. While brokers are away a driver is better kept: those
        that are back know it, and a new one would have to wait until they have forgotten it.
        """
        now = monotonic()
        if self._refusal_due is None:
            self._refusal_due = now + self._membership.session_seconds
        if now < self._refusal_due:
            return
        self._refusal_due = now + self._membership.session_seconds
        was_cut_off, self._is_cut_off = self._is_cut_off, await answers(consumer)
        if was_cut_off and self._is_cut_off:
            await self._replace("commits fail though brokers answer")

    async def _replace_when_lagging(self, consumer: AIOKafkaConsumer) -> None:
        self._silent_seconds = 0.0
        if await lags(consumer):
            await self._replace("the consumer was silent though records were waiting")

    async def _replace(self, reason: str) -> NoReturn:
        _logger.warning("kafka_consumer_replaced", reason=reason)
        await self._discard()
        raise QueueUnavailable(f"Kafka: {reason}")

    async def _discard(self) -> None:
        consumer, self._current = self._current, None
        self._refusal_due, self._is_cut_off = None, False
        self._trackers.clear()
        self._released.clear()
        if consumer is not None:
            await leave(consumer)


def _receipt(record: ConsumerRecord[Any, Any], place: _Place) -> Receipt:
    try:
        return Receipt(decode(record.key, record.value, record.headers), place)
    except DecodeError as error:
        source = f"{record.topic}/{record.partition}/{record.offset}"
        return Receipt(PoisonRecord(source, str(error), record.value or b""), place)


def _place_of(receipt: Receipt) -> _Place:
    place = receipt.handle
    if not isinstance(place, _Place):
        raise TypeError("a receipt of another queue")
    return place
