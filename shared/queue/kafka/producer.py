"""Sends deliveries to Kafka in batches built here, and survives brokers that are away."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any
from zlib import crc32

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from shared.clock import unix_ms
from shared.domain.delivery import QueuedDelivery
from shared.errors import QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.kafka_driver import DRIVER_ERRORS, close_client
from shared.queue.lanes import CrowdWatch, lanes_of
from shared.queue.security import KafkaSecurity
from shared.wire.delivery_v1 import EncodedDelivery, encode

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
                self._send_portion(producer, partition, records)
                for partition, records in portions.items()
            ),
            return_exceptions=True,
        )
        for result in results:
            if result is not None:
                raise result

    def _by_partition(
        self, deliveries: Sequence[QueuedDelivery], partitions: Sequence[int]
    ) -> dict[int, list[EncodedDelivery]]:
        """Return records by partition; those without a key go to the next of their lane."""
        lanes = lanes_of(partitions)
        turn = next(self._rotation)
        plain = lanes.plain[turn % len(lanes.plain)]
        crowded = lanes.crowded[turn % len(lanes.crowded)]
        now = monotonic()
        portions: defaultdict[int, list[EncodedDelivery]] = defaultdict(list)
        for delivery in deliveries:
            record = encode(delivery)
            key = record[0]
            if key is not None:
                partition = partition_of(key, lanes.ordered)
            elif self._crowds.note(delivery.tenant_id, now):
                partition = crowded
            else:
                partition = plain
            portions[partition].append(record)
        return portions

    async def _send_portion(
        self, producer: AIOKafkaProducer, partition: int, records: Sequence[EncodedDelivery]
    ) -> None:
        # One at a time: where batches wait in line for a partition, the driver wakes all of them
        # for each that may go, and counts their waiting time several times over.
        async with self._turns[partition]:
            for batch in _filled(producer, records):
                batch.close()
                await (await producer.send_batch(batch, self._topic, partition=partition))

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


def _filled(producer: AIOKafkaProducer, records: Sequence[EncodedDelivery]) -> Iterator[Any]:
    """Yield builders that hold the records in order; one above the batch size fills one alone."""
    timestamp = unix_ms()
    batch = None
    for key, value, headers in records:
        if batch is not None:
            if batch.append(timestamp=timestamp, key=key, value=value, headers=headers):
                continue
            yield batch
        batch = producer.create_batch()
        batch.append(timestamp=timestamp, key=key, value=value, headers=headers)
    if batch is not None:
        yield batch


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
