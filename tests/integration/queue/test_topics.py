"""The topic of deliveries is created where it is missing, and looked at where it is not."""

from uuid import uuid4

import pytest

from shared.embedded.ports import free_port
from shared.errors import ConfigurationError, QueueUnavailable
from shared.queue.topics import ensure_topic


async def test_ensure_topic_creates_once(kafka_bootstrap: str) -> None:
    """The second call finds the topic; fewer partitions than there are will do."""
    topic = f"topics-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, topic, partitions=4)
    await ensure_topic(kafka_bootstrap, topic, partitions=4)
    await ensure_topic(kafka_bootstrap, topic, partitions=2)


async def test_ensure_topic_refuses_a_smaller_one(kafka_bootstrap: str) -> None:
    """A topic with too few partitions is named with both figures."""
    topic = f"topics-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, topic, partitions=2)
    with pytest.raises(ConfigurationError, match="has 2 partitions, 5 are wanted"):
        await ensure_topic(kafka_bootstrap, topic, partitions=5)


async def test_ensure_topic_reports_what_the_broker_refuses(kafka_bootstrap: str) -> None:
    """More replicas than brokers cannot be."""
    with pytest.raises(QueueUnavailable, match="Replication"):
        await ensure_topic(kafka_bootstrap, f"topics-{uuid4().hex}", replication_factor=3)


async def test_ensure_topic_reports_an_absent_broker() -> None:
    """Nobody listens: the queue is unavailable."""
    with pytest.raises(QueueUnavailable):
        await ensure_topic(f"127.0.0.1:{free_port()}", "topic")
