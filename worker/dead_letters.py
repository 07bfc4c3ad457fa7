"""Keeps records of the queue that are no deliveries, so that the partition can go on."""

import base64
from collections.abc import Awaitable, Callable

from shared.database.pool import Pool, connection
from shared.ledger.dead_letters import DeadLetters
from shared.observability.logging import get_logger
from shared.queue.port import PoisonRecord
from worker import metrics

_LOGGER = get_logger(__name__)

_LONGEST_SHOWN_BYTES = 1024

KeepPoison = Callable[[PoisonRecord], Awaitable[None]]


def dead_letter_box(pool: Pool) -> KeepPoison:
    """Return a function that keeps a record; ``pool`` is of the system role."""

    async def keep(poison: PoisonRecord) -> None:
        async with connection(pool) as borrowed:
            await DeadLetters(borrowed).insert(
                source=poison.source, reason=poison.reason, value=poison.value
            )
        metrics.POISON_RECORDS.inc()
        _LOGGER.error(
            "poison_record",
            source=poison.source,
            reason=poison.reason,
            value_bytes=len(poison.value),
            value_base64=base64.b64encode(poison.value[:_LONGEST_SHOWN_BYTES]).decode(),
        )

    return keep
