"""How many records the workers' consumer group has not finished."""

from aiokafka import AIOKafkaConsumer, TopicPartition

#: Topic and group, as the programs have them without settings.
TOPIC = "postern.deliveries.v1"
GROUP = "postern-workers"


async def lag(bootstrap: str) -> int:
    """Return the records between the group's committed offsets and the ends of all partitions."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=GROUP, enable_auto_commit=False
    )
    await consumer.start()
    try:
        numbers = consumer.partitions_for_topic(TOPIC) or await _partitions(consumer)
        ends = await consumer.end_offsets([TopicPartition(TOPIC, number) for number in numbers])
        return sum([end - (await consumer.committed(tp) or 0) for tp, end in ends.items()])
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer) -> set[int]:
    consumer.assign([TopicPartition(TOPIC, 0)])
    await consumer.seek_to_beginning()
    return consumer.partitions_for_topic(TOPIC) or set()
