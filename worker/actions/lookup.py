"""Finding the entities that a delivery names."""

from uuid import UUID

from worker.actions.context import ActionContext
from worker.outcome import Reject


def external_id_miss(
    ctx: ActionContext, *, field: str, entity_type: str, external_id: str
) -> Reject:
    """Return the fault of an external id that stands for nothing in this webhook."""
    return Reject(
        f"lookup_miss: webhook {ctx.webhook_slug} has no {entity_type} with the external id "
        f"{external_id!r}",
        "lookup_miss",
        {
            "field": field,
            "entity_type": entity_type,
            "external_id": external_id,
            "webhook": ctx.webhook_slug,
        },
    )


def entity_miss(*, field: str, entity_type: str, entity_id: UUID) -> Reject:
    """Return the fault of an id that names nothing, or nothing of this tenant."""
    return Reject(
        f"lookup_miss: there is no {entity_type} {entity_id}",
        "lookup_miss",
        {"field": field, "entity_type": entity_type, "entity_id": str(entity_id)},
    )
