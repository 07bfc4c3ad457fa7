"""Samples that admins wait for: taken from the ledger, so that gateways do nothing for them."""

from shared.database.pool import Pool, transaction
from shared.ledger.samples import Samples
from worker.maintenance.duty import Duty

_EVERY_SECONDS = 1.0


def samples_duty(pool: Pool) -> Duty:
    """Return the duty; ``pool`` is of the system role."""

    async def perform() -> None:
        async with transaction(pool) as borrowed:
            await Samples(borrowed).capture_armed()

    return Duty(name="samples", every_seconds=_EVERY_SECONDS, perform=perform)
