"""Sends deliveries to Kafka in batches built here, and survives brokers that are away."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from time import monotonic
from typing import Any, NamedTuple
from zlib import crc32

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, ProducerClosed, RecordListTooLargeError

from shared.clock import unix_ms
from shared.domain.delivery import QueuedDelivery
from shared.errors import QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.kafka_driver import DRIVER_ERRORS, close_client
from shared.queue.lanes import CrowdWatch, lanes_of
from shared.queue.security import KafkaSecurity
from shared.wire.delivery_v1 import encode

_logger = get_logger(__name__)

#: One batch of a partition is in flight at a time: small batches would bound the rate.
_BATCH_BYTES = 256 * 1024
#: After this long the driver gives a batch up and says so.
_REQUEST_SECONDS = 8.0
#: The driver's own time-outs come first; this one holds where it forgets them.
_SEND_SECONDS = 10.0
#: A producer without an acknowledgement for this long, though asked for one, is replaced.
_WEDGED_SECONDS = 10.0
_START_SECONDS = 5.0
_CLOSE_SECONDS = 3.0
#: After a failure, sends are refused at once for this long: rows wait in the outbox anyway.
_HOLD_OFF_SECONDS = 1.0
#: How brokers refuse a batch, and all that is in it, for its size.
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class _Batch(NamedTuple):
    """A full batch of the driver, and what is in it."""

    builder: Any
    deliveries: list[QueuedDelivery]


class KafkaProducer:
    """Sends deliveries to one topic with ``acks=all``; starts when first used.

    Not idempotent: workers recognise a delivery by the ledger, and aiokafka's idempotent producer
    neither gives up in an outage nor recovers from a lost sequence. Order within a key holds, as
    one batch of a partition is in flight at a time.
    """

    reads_outbox = False

    def __init__(self, bootstrap: str, *, topic: str, security: KafkaSecurity) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._security = security
        self._current: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._rotation = count()
        self._crowds = CrowdWatch(monotonic())
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._refuse_until = 0.0
        self._last_ack_at = 0.0

    async def send(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Send deliveries and wait for every replica in sync to have them.

        Deliveries of one call that have no ordering key share a partition of their lane, the next
        one at each call, so that they share a batch.
        """
        if not deliveries:
            return
        producer = await self._connected()
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._send(producer, deliveries)
        except DRIVER_ERRORS as error:
            await self._failed(producer, error)
            raise QueueUnavailable(f"Kafka: {type(error).__name__}: {error}") from error
        self._refuse_until = 0.0
        self._last_ack_at = monotonic()

    async def close(self) -> None:
        """Close connections; what was not acknowledged by now is unknown to its sender already."""
        producer, self._current = self._current, None
        if producer is not None:
            await _stop(producer)

    async def _send(
        self, producer: AIOKafkaProducer, deliveries: Sequence[QueuedDelivery]
    ) -> None:
        partitions = sorted(await producer.partitions_for(self._topic))
        portions = self._by_partition(deliveries, partitions)
        results = await asyncio.gather(
            *(
                self._send_portion(producer, partition, portion)
                for partition, portion in portions.items()
            ),
            return_exceptions=True,
        )
        for result in results:
            if result is not None:
                raise result

    def _by_partition(
        self, deliveries: Sequence[QueuedDelivery], partitions: Sequence[int]
    ) -> dict[int, list[QueuedDelivery]]:
        """Return deliveries by partition; those without a key go to the next of their lane."""
        lanes = lanes_of(partitions)
        turn = next(self._rotation)
        plain = lanes.plain[turn % len(lanes.plain)]
        crowded = lanes.crowded[turn % len(lanes.crowded)]
        now = monotonic()
        portions: defaultdict[int, list[QueuedDelivery]] = defaultdict(list)
        for delivery in deliveries:
            if delivery.ordering_key is not None:
                partition = partition_of(delivery.ordering_key.encode(), lanes.ordered)
            elif self._crowds.note(delivery.tenant_id, now):
                partition = crowded
            else:
                partition = plain
            portions[partition].append(delivery)
        return portions

    async def _send_portion(
        self, producer: AIOKafkaProducer, partition: int, portion: Sequence[QueuedDelivery]
    ) -> None:
        # One at a time: where batches wait in line for a partition, the driver wakes all of them
        # for each that may go, and counts their waiting time several times over.
        async with self._turns[partition]:
            for batch in _filled(producer, portion):
                try:
                    await self._send_batch(producer, partition, batch)
                except _TOO_LARGE:
                    await self._send_each(producer, partition, batch.deliveries)

    async def _send_batch(self, producer: AIOKafkaProducer, partition: int, batch: _Batch) -> None:
        batch.builder.close()
        await (await producer.send_batch(batch.builder, self._topic, partition=partition))

    async def _send_each(
        self, producer: AIOKafkaProducer, partition: int, deliveries: Sequence[QueuedDelivery]
    ) -> None:
        """Send each by itself: one that is too large fails none of the others.

        Its body then stays in the ledger, whence workers take it.
        """
        left_count = 0
        for delivery in deliveries:
            try:
                await self._send_batch(producer, partition, _alone(producer, delivery))
            except _TOO_LARGE:
                left_count += 1
                bodiless = replace(delivery, body=None)
                await self._send_batch(producer, partition, _alone(producer, bodiless))
        _logger.warning(
            "kafka_batch_too_large", deliveries=len(deliveries), bodies_left_out=left_count
        )

    async def _connected(self) -> AIOKafkaProducer:
        if monotonic() < self._refuse_until:
            raise QueueUnavailable("Kafka did not answer a moment ago")
        if self._current is None:
            async with self._starting:
                if self._current is None:
                    self._current = await self._start()
        return self._current

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=int(_REQUEST_SECONDS * 1000),
            **self._security.client_options(),
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                await producer.start()
        except DRIVER_ERRORS as error:
            self._refuse_until = monotonic() + _HOLD_OFF_SECONDS
            await _stop(producer)
            raise QueueUnavailable(f"Kafka: {type(error).__name__}: {error}") from error
        except BaseException:
            await _stop(producer)
            raise
        self._last_ack_at = monotonic()
        return producer

    async def _failed(self, producer: AIOKafkaProducer, error: Exception) -> None:
        now = monotonic()
        self._refuse_until = now + _HOLD_OFF_SECONDS
        passing = isinstance(error, TimeoutError) or getattr(error, "retriable", False)
        if self._current is producer and (
            not passing or now - self._last_ack_at > _WEDGED_SECONDS
        ):
            self._current = None
            _logger.warning("kafka_producer_replaced", error=f"{type(error).__name__}: {error}")
            await _stop(producer)


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """Return the partition of an ordering key: always the same for the same partitions."""
    return partitions[crc32(key) % len(partitions)]


def _filled(producer: AIOKafkaProducer, deliveries: Sequence[QueuedDelivery]) -> Iterator[_Batch]:
    """Yield batches of the deliveries in order; one above the batch size fills one alone."""
    timestamp = unix_ms()
    batch = None
    for delivery in deliveries:
        if batch is not None:
            if _append(batch, delivery, timestamp):
                continue
            yield batch
        batch = _Batch(producer.create_batch(), [])
        _append(batch, delivery, timestamp)
    if batch is not None:
        yield batch


def _alone(producer: AIOKafkaProducer, delivery: QueuedDelivery) -> _Batch:
    (batch,) = _filled(producer, [delivery])
    return batch


def _append(batch: _Batch, delivery: QueuedDelivery, timestamp: int) -> bool:
    """Return whether there was room."""
    key, value, headers = encode(delivery)
    has_room = batch.builder.append(timestamp=timestamp, key=key, value=value, headers=headers)
    if has_room:
        batch.deliveries.append(delivery)
    return bool(has_room)


async def _stop(producer: AIOKafkaProducer) -> None:
    # stop() flushes first, and with brokers away that takes until every batch has expired. Nobody
    # waits for those batches any more.
    producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - no public way
    try:
        with suppress(*DRIVER_ERRORS):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await producer.stop()
    finally:
        await close_client(producer.client)
