"""The embedded Kafka broker: the same address and records after a kill."""

from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.embedded.kafka import EmbeddedKafka
from shared.queue.topics import ensure_topic
from tests.servers import jars_of


async def send(bootstrap: str, topic: str, value: bytes) -> None:
    """Send one record and wait for its acknowledgement."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """Return the first records of a topic of one partition."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    async with consumer:
        return [bytes((await consumer.getone()).value or b"") for _ in range(count)]


async def test_records_survive_a_kill(tmp_path: Path) -> None:
    """A broker that was killed comes back at its port with its records."""
    topic = f"topic-{uuid4().hex}"
    with EmbeddedKafka(tmp_path / "data", jars_of("kafka")) as broker:
        address = broker.bootstrap
        await ensure_topic(address, topic, partitions=1)
        await send(address, topic, b"one")
        broker.kill()
        broker.start()
        assert broker.bootstrap == address
        assert await read(address, topic, 1) == [b"one"]
