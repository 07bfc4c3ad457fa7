"""Deliveries: list and get, by webhook and across webhooks."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from control_api.access import Provided, Reader, Services
from control_api.answers import answer, data
from control_api.authentication import Caller
from control_api.contents import deliveries as contents
from control_api.contents.envelope import Data, Page
from control_api.documentation import documented
from control_api.moments import LastMoment, Moment
from control_api.pagination import PageQuery, page_content
from control_api.presentation import delivery_content, delivery_summary_content
from shared.domain.delivery import DispatchStatus
from shared.errors import NotFound
from shared.ledger.deliveries import Deliveries, DeliveryFilter, DeliverySummary
from shared.ledger.webhooks import Webhooks
from shared.ledger.workflow_runs import WorkflowRuns

router = APIRouter(prefix="/api/v1", tags=["deliveries"])


class DeliveryQuery(PageQuery):
    """Which deliveries to list; times without a zone are UTC."""

    status: DispatchStatus | None = None
    date_from: Moment | None = None
    date_to: LastMoment | None = None

    def filter(self) -> DeliveryFilter:
        """Return the conditions."""
        return DeliveryFilter(
            dispatch_status=self.status, received_from=self.date_from, received_to=self.date_to
        )


Wanted = Annotated[DeliveryQuery, Query()]


@router.get("/deliveries")
@documented(answer=Page[contents.DeliverySummary])
async def list_by_tenant(services: Provided, caller: Reader, wanted: Wanted) -> Response:
    """List deliveries of all webhooks, and refused requests for unknown ones, newest first."""
    async with services.transaction(caller) as connection:
        found = await Deliveries(connection).list_by_tenant(
            caller.tenant_id, wanted.filter(), after=wanted.after, limit=wanted.probe
        )
    return answer(_page(found, wanted))


@router.get("/deliveries/{delivery_id}")
@documented(answer=Data[contents.Delivery])
async def get(services: Provided, caller: Reader, delivery_id: UUID) -> Response:
    """Get a delivery of any webhook."""
    return data(await _in_full(services, caller, delivery_id))


@router.get("/inbound-webhooks/{webhook_id}/deliveries")
@documented(answer=Page[contents.DeliverySummary])
async def list_by_webhook(
    services: Provided, caller: Reader, webhook_id: UUID, wanted: Wanted
) -> Response:
    """List deliveries of one webhook, newest first; of a deleted one, too."""
    async with services.transaction(caller) as connection:
        if await Webhooks(connection).find(caller.tenant_id, webhook_id) is None:
            raise NotFound(f"there is no webhook {webhook_id}")
        found = await Deliveries(connection).list_by_webhook(
            caller.tenant_id,
            webhook_id,
            wanted.filter(),
            after=wanted.after,
            limit=wanted.probe,
        )
    return answer(_page(found, wanted))


@router.get("/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}")
@documented(answer=Data[contents.Delivery])
async def get_of_webhook(
    services: Provided, caller: Reader, webhook_id: UUID, delivery_id: UUID
) -> Response:
    """Get a delivery of this webhook, with its headers and body."""
    return data(await _in_full(services, caller, delivery_id, webhook_id=webhook_id))


async def _in_full(
    services: Services, caller: Caller, delivery_id: UUID, *, webhook_id: UUID | None = None
) -> dict[str, Any]:
    async with services.transaction(caller) as connection:
        deliveries = Deliveries(connection)
        delivery = await deliveries.get(caller.tenant_id, delivery_id, webhook_id=webhook_id)
        attempts = await deliveries.list_attempts(caller.tenant_id, delivery_id)
        run = await WorkflowRuns(connection).find(caller.tenant_id, delivery_id)
    return delivery_content(delivery, attempts, run)


def _page(found: list[DeliverySummary], wanted: DeliveryQuery) -> dict[str, Any]:
    return page_content(
        found,
        wanted,
        key=lambda delivery: delivery.delivery_id,
        present=delivery_summary_content,
    )
