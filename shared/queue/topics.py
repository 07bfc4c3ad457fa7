"""Creates the topic of deliveries where it is missing."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.errors import ConfigurationError, QueueUnavailable

_SECONDS = 15.0


async def ensure_topic(
    bootstrap: str, topic: str, *, partitions: int = 12, replication_factor: int = 1
) -> None:
    """Create the topic unless it is there; one that is there keeps its settings.

    Raises:
        ConfigurationError: The topic that is there has fewer partitions.
        QueueUnavailable: Brokers did not answer, or refused.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(_SECONDS):
            await admin.start()
            await _create(admin, topic, partitions, replication_factor)
            existing = await _partition_count(admin, topic)
    except (KafkaError, OSError, TimeoutError) as error:
        raise QueueUnavailable(f"Kafka: {type(error).__name__}: {error}") from error
    finally:
        await admin.close()
    if existing < partitions:
        raise ConfigurationError(
            [f"topic {topic} has {existing} partitions, {partitions} are wanted"]
        )


async def _create(
    admin: AIOKafkaAdminClient, topic: str, partitions: int, replication_factor: int
) -> None:
    answer = await admin.create_topics([NewTopic(topic, partitions, replication_factor)])
    for _, code, *message in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"topic {topic}: {message}")


async def _partition_count(admin: AIOKafkaAdminClient, topic: str) -> int:
    """Return how many partitions the topic has, once brokers know that it exists."""
    while True:
        (description,) = await admin.describe_topics([topic])
        if description["partitions"]:
            return len(description["partitions"])
        await asyncio.sleep(0.05)
