"""A stranger on the deliveries' topic: joins the workers' group, or writes what none can read."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.queue.kafka_driver import DRIVER_ERRORS
from tests.faults.lag import GROUP, TOPIC

_PATIENCE_SECONDS = 10.0


def join_and_leave(bootstrap: str, *, seconds: float) -> str:
    """Take partitions from the workers for some seconds without handling anything.

    Returns:
        How many it got; "void: ..." when the group could not be joined, as with a dead broker.
    """
    return asyncio.run(_join_and_leave(bootstrap, seconds))


def produce(bootstrap: str, value: bytes) -> str:
    """Put a record on the topic; return where it is, or "void: ..." when nobody knows."""
    return asyncio.run(_produce(bootstrap, value))


async def _join_and_leave(bootstrap: str, seconds: float) -> str:
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        group_id=GROUP,
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=2000,
    )
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await consumer.start()
        await asyncio.sleep(seconds)
    except DRIVER_ERRORS as error:
        return f"void: {type(error).__name__}"
    else:
        return f"{len(consumer.assignment())} partitions"
    finally:
        await _end(consumer)


async def _produce(bootstrap: str, value: bytes) -> str:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=False, request_timeout_ms=3000
    )
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await producer.start()
            placed = await producer.send_and_wait(TOPIC, value)
    except DRIVER_ERRORS as error:
        return f"void: {type(error).__name__}"
    else:
        return f"partition {placed.partition}, offset {placed.offset}"
    finally:
        await _end(producer)


async def _end(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    # With brokers away stop() lets the cancellation of its own tasks out; nobody cancels this one.
    with contextlib.suppress(*DRIVER_ERRORS, asyncio.CancelledError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await client.stop()
