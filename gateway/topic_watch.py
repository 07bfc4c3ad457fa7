"""Warns of a topic that cannot keep what is promised.

A gateway goes on accepting: what it accepts is in the ledger, whatever becomes of the topic.
"""

import asyncio

from shared.errors import ConfigurationError, QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.topics import Topic

_log = get_logger("gateway.topic")
_EVERY_SECONDS = 300.0
_PAUSE_SECONDS = 10.0


async def watch_topic(topic: Topic) -> None:
    """Look at the topic again and again, and log what is wrong with it."""
    while True:
        pause = _EVERY_SECONDS
        try:
            await topic.check()
        except ConfigurationError as error:
            _log.error("topic_unfit", faults=error.faults)
        except QueueUnavailable:
            pause = _PAUSE_SECONDS  # the publisher tells of outages
        await asyncio.sleep(pause)
