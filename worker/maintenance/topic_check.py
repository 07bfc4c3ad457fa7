"""Looks at start whether the topic can keep what is promised.

A worker does not run on one that cannot; on one that cannot be asked it does, and asks again.
"""

import asyncio

from shared.errors import QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.topics import Topic, topic_of
from worker.pausing import sleep_until
from worker.settings import WorkerSettings

_LOGGER = get_logger(__name__)
_PAUSE_SECONDS = 5.0


class TopicCheck:
    """Asks until Kafka answers once."""

    name = "topic-check"

    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    async def run(self, stop: asyncio.Event) -> None:
        """Return when the topic is fit, or the program stops.

        Raises:
            ConfigurationError: It is unfit: each setting, and the command that mends it.
        """
        while not stop.is_set():
            try:
                await self._topic.check()
            except QueueUnavailable as error:
                _LOGGER.warning("topic_not_checked_yet", error=str(error))
                await sleep_until(stop, _PAUSE_SECONDS)
            else:
                return


def topic_check(settings: WorkerSettings) -> list[TopicCheck]:
    """Return the check, or nothing where the queue is not Kafka's."""
    topic = topic_of(settings)
    return [] if topic is None else [TopicCheck(topic)]
