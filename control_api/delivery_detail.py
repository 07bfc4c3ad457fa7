"""A delivery with everything that is known of it."""

from typing import Any
from uuid import UUID

from control_api.access import Services
from control_api.authentication import Caller
from control_api.explanations import explain
from control_api.presentation import delivery_content
from shared.ledger.deliveries import Deliveries, RecordedDelivery
from shared.ledger.workflow_runs import WorkflowRuns

_SHOWN_REPLAYS = 100


async def delivery_detail(
    services: Services, caller: Caller, delivery_id: UUID, *, webhook_id: UUID | None = None
) -> dict[str, Any]:
    """Return a delivery, of the named webhook where one is named, as it is answered.

    Raises:
        NotFound: There is none.
    """
    async with services.transaction(caller) as connection:
        deliveries = Deliveries(connection)
        delivery = await deliveries.get(caller.tenant_id, delivery_id, webhook_id=webhook_id)
        attempts = await deliveries.list_attempts(caller.tenant_id, delivery_id)
        waiting = await deliveries.waiting(caller.tenant_id, delivery_id)
        replays = await deliveries.list_replays(
            caller.tenant_id, delivery_id, limit=_SHOWN_REPLAYS
        )
        run = await WorkflowRuns(connection).find(caller.tenant_id, delivery_id)
    return delivery_content(delivery, attempts, run) | {
        "explanations": explain(delivery, waiting),
        "replays": [replay._asdict() for replay in replays],
        "links": _links(delivery),
    }


def _links(delivery: RecordedDelivery) -> dict[str, str | None]:
    has_body = delivery.request_body is not None
    return {
        "body": f"{_path(delivery.delivery_id)}/body" if has_body else None,
        "replayed_from": _path(delivery.replayed_from),
        "duplicate_of": _path(delivery.duplicate_of),
    }


def _path(delivery_id: UUID | None) -> str | None:
    return None if delivery_id is None else f"/api/v1/deliveries/{delivery_id}"
