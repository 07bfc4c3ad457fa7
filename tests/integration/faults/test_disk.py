"""The disk that can be full, and what a real broker does on it."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.embedded.kafka import EmbeddedKafka
from shared.queue.topics import ensure_topic
from tests.faults.disk import DiskUnavailable, SmallDisk
from tests.servers import jars_of

_MEGABYTE = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A mounted disk of 64 MB; where the machine lets nobody mount, the test is skipped."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(SmallDisk(tmp_path / "disk", size_bytes=64 * _MEGABYTE))
        except DiskUnavailable as error:
            pytest.skip(f"no mounting: {error}")


def test_a_filled_disk_takes_nothing_until_it_is_freed(disk: SmallDisk) -> None:
    """Writes fail with ENOSPC within the block, what was there stays, and then there is room."""
    kept = disk.directory / "kept"
    kept.write_bytes(b"x" * _MEGABYTE)
    with disk.filled():
        assert disk.free_bytes == 0
        with pytest.raises(OSError, match="space") as refused:
            (disk.directory / "more").write_bytes(b"x")
        assert refused.value.errno == errno.ENOSPC
        assert kept.read_bytes() == b"x" * _MEGABYTE
    assert disk.free_bytes > 60 * _MEGABYTE
    (disk.directory / "more").write_bytes(b"x")


def test_a_disk_is_unmounted_though_a_file_is_open(disk: SmallDisk) -> None:
    """Leaving frees the place, whoever still uses the disk."""
    with (disk.directory / "open").open("wb") as file:
        file.write(b"x")
        disk.__exit__(None, None, None)
        assert not disk.directory.is_mount()
        assert not list(disk.directory.iterdir())


def test_a_stale_mount_is_replaced(disk: SmallDisk) -> None:
    """A disk that an earlier run left mounted, even full, is replaced by an empty one."""
    (disk.directory / "stale").touch()
    disk._mount("remount", disk.used_bytes)
    with SmallDisk(disk.directory, size_bytes=_MEGABYTE) as fresh:
        assert not list(fresh.directory.iterdir())
        assert fresh.free_bytes == _MEGABYTE
    assert not disk.directory.is_mount()


async def test_a_broker_ends_on_a_full_disk_and_comes_back_with_its_records(
    disk: SmallDisk,
) -> None:
    """Kafka ends by itself at the first write that fails; started on a freed disk it has all."""
    topic = f"topic-{uuid4().hex}"
    values = [b"%d" % number for number in range(100)]
    with EmbeddedKafka(disk.directory, jars_of("kafka")) as broker:
        await ensure_topic(broker.bootstrap, topic, partitions=12)
        # One producer for all of it: it cannot be closed while the broker is away.
        async with producing(broker.bootstrap) as producer:
            await asyncio.gather(*[await producer.send(topic, value) for value in values])
            with disk.filled():
                assert await broke(broker, producer, topic)
            await asyncio.to_thread(broker.start)
            assert broker.exit_code is None
            await producer.send_and_wait(topic, b"after")
        kept = await read(broker.bootstrap, topic)
        assert kept.count(b"after") == 1
        assert [kept.count(value) for value in values] == [1] * 100


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """Run a producer; its end is bounded, as it waits for a broker that a failed test broke."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=False)
    await producer.start()
    try:
        yield producer
    finally:
        async with asyncio.timeout(5):
            await producer.stop()


async def broke(broker: EmbeddedKafka, producer: AIOKafkaProducer, topic: str) -> bool:
    """Write, acknowledged or not, until the broker has ended by itself; return whether it did."""
    deadline = time.monotonic() + 40
    while broker.exit_code is None and time.monotonic() < deadline:
        with suppress(TimeoutError):  # it waits for room among what the broker did not take
            async with asyncio.timeout(0.1):
                await producer.send_and_wait(topic, os.urandom(8192))
    return broker.exit_code is not None


async def read(bootstrap: str, topic: str) -> list[bytes]:
    """Return all records of a topic."""
    values: list[bytes] = []
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer, asyncio.timeout(20):
        count = sum((await consumer.end_offsets(consumer.assignment())).values())
        while len(values) < count:
            values.append(bytes((await consumer.getone()).value or b""))
    return values
