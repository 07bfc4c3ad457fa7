"""Says in the ledger what this worker can run."""

from shared.database.pool import Pool, connection
from shared.ledger.catalog import Catalog
from worker.actions.registry import Registry
from worker.maintenance.duty import Duty
from worker.workflows.registry import WorkflowRegistry

_EVERY_SECONDS = 60.0
#: Longer than any restart of the workers that still have an action or a workflow.
_FORGOTTEN_DAYS = 1


def announcement_duty(pool: Pool, registry: Registry, workflows: WorkflowRegistry) -> Duty:
    """Return the duty; ``pool`` is of the system role."""

    async def perform() -> None:
        async with connection(pool) as borrowed:
            catalog = Catalog(borrowed)
            await catalog.announce_actions(registry.definitions())
            await catalog.forget_actions(after_days=_FORGOTTEN_DAYS)
            await catalog.announce_workflows(workflows.definitions())
            await catalog.forget_workflows(after_days=_FORGOTTEN_DAYS)

    return Duty(name="announcement", every_seconds=_EVERY_SECONDS, perform=perform)
