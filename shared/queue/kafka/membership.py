"""How a worker belongs to its consumer group, and the driver that keeps it there."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener

from shared.errors import QueueUnavailable
from shared.observability.logging import get_logger
from shared.queue.kafka_driver import DRIVER_ERRORS, close_client
from shared.queue.security import KafkaSecurity

_logger = get_logger(__name__)

_START_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_ANSWER_SECONDS = 3.0
#: Brokers refuse less. Source: group.min.session.timeout.ms
_SHORTEST_SESSION_SECONDS = 6.0
_HEARTBEATS_PER_SESSION = 3
_LONGEST_HEARTBEAT_MS = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A place in a group that reads one topic."""

    bootstrap: str
    topic: str
    group_id: str
    #: A name that a worker keeps over restarts: one that is back within a session takes its
    #: partitions up again, and the others go on undisturbed. None: partitions move at once.
    instance_id: str | None = None
    #: After so long without a sign of life the partitions go to others.
    session_seconds: float = 30.0
    #: How long deliveries in hand may take to end when partitions have to be given away; the whole
    #: group waits meanwhile.
    drain_seconds: float = 5.0
    security: KafkaSecurity = field(default_factory=KafkaSecurity)

    async def join(self, listener: ConsumerRebalanceListener) -> AIOKafkaConsumer:
        """Return a driver that is a member.

        Raises:
            QueueUnavailable: Brokers did not answer, or refused.
        """
        driver = AIOKafkaConsumer(**self._options())
        driver.subscribe([self.topic], listener=listener)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await driver.start()
        except DRIVER_ERRORS as error:
            await leave(driver)
            raise QueueUnavailable(f"Kafka: {type(error).__name__}: {error}") from error
        except BaseException:
            await leave(driver)
            raise
        return driver

    def _options(self) -> dict[str, Any]:
        session_ms = int(max(self.session_seconds, _SHORTEST_SESSION_SECONDS) * 1000)
        return {
            "bootstrap_servers": self.bootstrap,
            "group_id": self.group_id,
            "group_instance_id": self.instance_id,
            "enable_auto_commit": False,
            # Where the position is lost, everything comes again: the ledger knows what is settled.
            "auto_offset_reset": "earliest",
            "session_timeout_ms": session_ms,
            "rebalance_timeout_ms": session_ms,
            "heartbeat_interval_ms": min(
                _LONGEST_HEARTBEAT_MS, session_ms // _HEARTBEATS_PER_SESSION
            ),
            "request_timeout_ms": session_ms,
            **self.security.client_options(),
        }


async def lags(driver: AIOKafkaConsumer) -> bool:
    """Return whether records wait that the driver did not fetch; False when Kafka is away."""

    async def is_behind() -> bool:
        ends = await driver.end_offsets(driver.assignment())
        return any([await driver.position(tp) < end for tp, end in ends.items()])

    return await _answer_to(is_behind())


async def answers(driver: AIOKafkaConsumer) -> bool:
    """Return whether brokers answer what the driver asks them; not all of it may still work."""

    async def ask() -> bool:
        await driver.end_offsets(driver.assignment())
        return True

    return await _answer_to(ask())


async def _answer_to(question: Awaitable[bool]) -> bool:
    """Return the answer; False when Kafka is away."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await question
    except DRIVER_ERRORS:
        return False


async def leave(driver: AIOKafkaConsumer) -> None:
    """Stop a driver and close its connections, whatever state it is in."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await driver.stop()
    except DRIVER_ERRORS as error:
        _logger.warning("kafka_consumer_abandoned", error=f"{type(error).__name__}: {error}")
    except asyncio.CancelledError:
        # With brokers away stop() lets the cancellation of its own fetches out, half done.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
    finally:
        # What stop() does last, and may not reach.
        await close_client(driver._client)  # noqa: SLF001 - no public way
