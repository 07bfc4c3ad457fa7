"""The topic of deliveries is created where it is missing, and refused where it cannot serve."""

import subprocess
import sys
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.clock import unix_ms
from shared.embedded.ports import free_port
from shared.errors import ConfigurationError, QueueUnavailable
from shared.queue.topic_layout import TopicLayout
from shared.queue.topics import Topic, ensure_topic
from tests.house import ROOT


async def test_ensure_topic_creates_once(kafka_bootstrap: str) -> None:
    """The second call finds the topic; fewer partitions than there are will do."""
    topic = f"topics-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, topic, partitions=4)
    await ensure_topic(kafka_bootstrap, topic, partitions=4)
    await ensure_topic(kafka_bootstrap, topic, partitions=2)


async def test_created_topic_takes_records_of_a_clock_that_is_ahead(kafka_bootstrap: str) -> None:
    """A gateway or worker whose clock is off goes on publishing, and deletes nothing early."""
    topic = f"topics-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, topic, partitions=1)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    try:
        ahead_ms = unix_ms() + 7_200_000
        placed = await producer.send_and_wait(topic, b"{}", timestamp_ms=ahead_ms)
    finally:
        await producer.stop()
    assert placed.timestamp < ahead_ms


async def test_ensure_topic_reports_what_the_broker_refuses(kafka_bootstrap: str) -> None:
    """More replicas than brokers cannot be."""
    with pytest.raises(QueueUnavailable, match="Replication"):
        await ensure_topic(kafka_bootstrap, f"topics-{uuid4().hex}", replication_factor=3)


async def test_ensure_topic_reports_an_absent_broker() -> None:
    """Nobody listens: the queue is unavailable."""
    with pytest.raises(QueueUnavailable):
        await ensure_topic(f"127.0.0.1:{free_port()}", "topic")


async def test_check_tells_of_a_missing_topic(kafka_bootstrap: str) -> None:
    """A topic that is not there may come: the queue is unavailable, and says what makes it."""
    with pytest.raises(QueueUnavailable, match=r"missing; python -m shared\.queue\.topics"):
        await Topic(kafka_bootstrap, f"topics-{uuid4().hex}").check()


async def _create(bootstrap: str, name: str, configs: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 2, 1, topic_configs=configs)])
    finally:
        await admin.close()


async def test_check_lists_every_setting_that_breaks_a_promise(kafka_bootstrap: str) -> None:
    """All faults at once, each with what is wanted and the command that mends it."""
    name = f"topics-{uuid4().hex}"
    await _create(
        kafka_bootstrap,
        name,
        {
            "cleanup.policy": "compact,delete",
            "compression.type": "zstd",
            "max.message.bytes": "100000",
            "message.timestamp.type": "CreateTime",
            "retention.bytes": "1000000",
            "retention.ms": "3600000",
            "unclean.leader.election.enable": "true",
        },
    )
    with pytest.raises(ConfigurationError) as raised:
        await Topic(
            kafka_bootstrap, name, TopicLayout(replication_factor=3, min_insync_replicas=2)
        ).check()
    told = "\n".join(raised.value.faults)
    for expected in (
        "partitions is 2, wanted is 12 or more",
        f"--alter --topic {name} --partitions 12",
        "replication factor is 1, wanted is 3 or more",
        "min.insync.replicas is 1, wanted is 2 or more",
        "cleanup.policy is compact,delete, wanted is delete",
        "--add-config cleanup.policy=delete",
        "compression.type is zstd",
        "--add-config compression.type=producer",
        "max.message.bytes is 100000, wanted is 524288 or more",
        "message.timestamp.type is CreateTime, wanted is LogAppendTime",
        "--add-config message.timestamp.type=LogAppendTime",
        "retention.bytes is 1000000, wanted is -1",
        "retention.ms is 3600000, wanted is 604800000 or more",
        "unclean.leader.election.enable is true, wanted is false",
    ):
        assert expected in told
    assert len(raised.value.faults) == 10


def _command(
    kafka_bootstrap: str, topic: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shared.queue.topics", *arguments],
        cwd=ROOT,
        env={
            "POSTERN_QUEUE_URL": f"kafka://{kafka_bootstrap}",
            "POSTERN_KAFKA_TOPIC": topic,
            "POSTERN_KAFKA_REPLICATION_FACTOR": "1",
            "POSTERN_KAFKA_MIN_INSYNC_REPLICAS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_creates_and_checks(kafka_bootstrap: str) -> None:
    """It needs neither database nor keys; its status tells a missing topic from a fit one."""
    topic = f"topics-{uuid4().hex}"
    missing = _command(kafka_bootstrap, topic, "--check")
    created = _command(kafka_bootstrap, topic)
    checked = _command(kafka_bootstrap, topic, "--check")
    assert (missing.returncode, created.returncode, checked.returncode) == (1, 0, 0)
    assert "is missing" in missing.stderr
    assert "keeps what is promised" in checked.stdout


async def test_the_command_refuses_an_unfit_topic(kafka_bootstrap: str) -> None:
    """Its status is that of a configuration error."""
    topic = f"topics-{uuid4().hex}"
    await _create(kafka_bootstrap, topic, {"cleanup.policy": "compact"})
    refused = _command(kafka_bootstrap, topic)
    assert refused.returncode == 2
    assert "cleanup.policy is compact, wanted is delete" in refused.stderr
