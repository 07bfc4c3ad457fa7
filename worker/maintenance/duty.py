"""A duty done again and again until the program stops."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.errors import Transient
from shared.observability.logging import get_logger
from worker import metrics
from worker.pausing import sleep_until

_LOGGER = get_logger(__name__)

#: How soon a duty that met an outage is tried again.
_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something to do at once, and then every so often."""

    name: str
    every_seconds: float
    perform: Callable[[], Awaitable[None]]

    async def run(self, stop: asyncio.Event) -> None:
        """Perform the duty until ``stop`` is set; an outage puts it off."""
        while not stop.is_set():
            wait_seconds = self.every_seconds
            try:
                await self.perform()
            except Transient as error:
                metrics.DATABASE_ERRORS.inc()
                _LOGGER.warning("duty_put_off", duty=self.name, error=str(error))
                wait_seconds = min(_RETRY_SECONDS, self.every_seconds)
            await sleep_until(stop, wait_seconds)
