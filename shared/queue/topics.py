"""Creates the topic of deliveries and looks whether it can keep what is promised.

``python -m shared.queue.topics`` creates it where it is missing; ``--check`` only looks.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from shared.errors import ConfigurationError, QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.kafka_driver import DRIVER_ERRORS, close_client
from shared.queue.security import KafkaSecurity, security_of
from shared.queue.topic_layout import TopicLayout, TopicState, layout_of, mending_command
from shared.settings import Secret, Settings, load, setting

_LOGGER = get_logger(__name__)
_SECONDS = 15.0
#: What an address of a Kafka cluster begins with.
KAFKA_SCHEME = "kafka://"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a cluster, and what is wanted of it."""

    bootstrap: str
    name: str
    layout: TopicLayout = field(default_factory=TopicLayout)
    security: KafkaSecurity = field(default_factory=KafkaSecurity)

    async def create(self) -> None:
        """Create the topic unless it is there; one that is there keeps its settings.

        Raises:
            QueueUnavailable: Brokers did not answer, or refused.
        """
        async with self._admin() as admin:
            answer = await admin.create_topics(
                [
                    NewTopic(
                        self.name,
                        self.layout.partitions,
                        self.layout.replication_factor,
                        topic_configs=self.layout.configs(),
                    )
                ]
            )
            for _, code, *message in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(f"topic {self.name}: {message}")
            while await _state(admin, self.name) is None:  # noqa: ASYNC110 - brokers tell nobody
                await asyncio.sleep(0.05)

    async def check(self) -> None:
        """Look whether the topic can keep what is promised.

        Raises:
            ConfigurationError: Each setting that cannot, what is wanted, and what mends it.
            QueueUnavailable: Brokers did not answer, or the topic is missing.
        """
        async with self._admin() as admin:
            try:
                state = await _state(admin, self.name)
            except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError) as error:
                # Whoever runs the cluster looked, or runs the command as somebody who may.
                _LOGGER.warning("topic_unchecked", topic=self.name, error=type(error).__name__)
                return
        if state is None:
            raise QueueUnavailable(
                f"Kafka: topic {self.name} is missing; python -m shared.queue.topics creates it"
            )
        if faults := self.layout.faults(state):
            raise ConfigurationError(
                [
                    f"topic {self.name}: {fault}\n  "
                    + mending_command(fault, bootstrap=self.bootstrap, topic=self.name)
                    for fault in faults
                ]
            )

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.bootstrap, **self.security.client_options()
        )
        try:
            async with asyncio.timeout(_SECONDS):
                await admin.start()
                yield admin
        except DRIVER_ERRORS as error:
            raise QueueUnavailable(f"Kafka: {type(error).__name__}: {error}") from error
        finally:
            await close_client(admin._client)  # noqa: SLF001 - close() does only that, and may raise


async def ensure_topic(
    bootstrap: str, topic: str, *, partitions: int = 12, replication_factor: int = 1
) -> None:
    """Create a topic where it is missing, and check it.

    Raises:
        ConfigurationError: The topic that is there cannot keep what is promised.
        QueueUnavailable: Brokers did not answer, or refused.
    """
    layout = TopicLayout(partitions=partitions, replication_factor=replication_factor)
    wanted = Topic(bootstrap, topic, layout)
    await wanted.create()
    await wanted.check()


def topic_of(settings: Settings) -> Topic | None:
    """Return the topic of a program's settings; None where the queue is not Kafka's."""
    if not settings.queue_url.startswith(KAFKA_SCHEME):
        return None
    return Topic(
        bootstrap_of(settings.queue_url),
        settings.kafka_topic,
        layout_of(settings),
        security_of(settings),
    )


def bootstrap_of(queue_url: str) -> str:
    """Return the brokers that a queue's address names: host:port, with commas."""
    return queue_url.removeprefix(KAFKA_SCHEME).rstrip("/")


async def _state(admin: AIOKafkaAdminClient, name: str) -> TopicState | None:
    """Return what the cluster says; None while it does not know the topic."""
    (description,) = await admin.describe_topics([name])
    _raise_for(description["error_code"], name)
    partitions = description["partitions"]
    if not partitions:
        return None
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    ((code, _, _, _, entries),) = answer.resources
    _raise_for(code, name)
    return TopicState(
        partitions=len(partitions),
        replication_factor=min(len(partition["replicas"]) for partition in partitions),
        configs={entry[0]: entry[1] for entry in entries},
    )


def _raise_for(code: int, name: str) -> None:
    error = for_code(code)
    if code and error is not UnknownTopicOrPartitionError:
        raise error(f"topic {name}")


@dataclass(frozen=True, kw_only=True)
class TopicSettings(Settings):
    """The settings of this command: those of Kafka; the ledger is not needed."""

    database_url: Secret = setting("Not used.", default=Secret(""), env="POSTERN_DATABASE_URL")
    master_keys: Secret = setting("Not used.", default=Secret(""), env="POSTERN_MASTER_KEYS")


async def _make_fit(topic: Topic | None, *, only_check: bool) -> str:
    if topic is None:
        raise ConfigurationError(["POSTERN_QUEUE_URL: names no Kafka; there is no topic"])
    if not only_check:
        await topic.create()
    await topic.check()
    return topic.name


def main() -> int:
    """Return the exit status: 0 when the topic is fit, 1 without Kafka, 2 when it is unfit."""
    parser = argparse.ArgumentParser(prog="shared.queue.topics", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only look, create nothing")
    arguments = parser.parse_args()
    try:
        topic = topic_of(load(TopicSettings))
        name = asyncio.run(_make_fit(topic, only_check=arguments.check))
    except (ConfigurationError, QueueUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, ConfigurationError) else 1
    sys.stdout.write(f"topic {name} is there and keeps what is promised\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
