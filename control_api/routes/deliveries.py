"""Deliveries: list and get, by webhook and across webhooks."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Provided, Reader
from control_api.answers import answer, data
from control_api.contents import deliveries as contents
from control_api.contents.envelope import Data
from control_api.delivery_detail import delivery_detail
from control_api.delivery_query import Wanted, delivery_page
from control_api.documentation import documented
from shared.errors import NotFound
from shared.ledger.delivery_search import DeliverySearch
from shared.ledger.webhooks import Webhooks

router = APIRouter(prefix="/api/v1", tags=["deliveries"])


@router.get("/deliveries")
@documented(answer=contents.DeliverySummaryPage)
async def list_by_tenant(services: Provided, caller: Reader, wanted: Wanted) -> Response:
    """List deliveries of all webhooks, and refused requests for unknown ones, newest first."""
    async with services.search_transaction(caller) as connection:
        search = DeliverySearch(connection, caller.tenant_id)
        found = await search.newest(wanted.conditions(), before=wanted.after, limit=wanted.probe)
    return answer(delivery_page(found, wanted))


@router.get("/deliveries/{delivery_id}")
@documented(answer=Data[contents.DeliveryDetail])
async def get(services: Provided, caller: Reader, delivery_id: UUID) -> Response:
    """Get a delivery of any webhook."""
    return data(await delivery_detail(services, caller, delivery_id))


@router.get("/inbound-webhooks/{webhook_id}/deliveries")
@documented(answer=contents.DeliverySummaryPage)
async def list_by_webhook(
    services: Provided, caller: Reader, webhook_id: UUID, wanted: Wanted
) -> Response:
    """List deliveries of one webhook, newest first; of a deleted one, too."""
    async with services.search_transaction(caller) as connection:
        if await Webhooks(connection).find(caller.tenant_id, webhook_id) is None:
            raise NotFound(f"there is no webhook {webhook_id}")
        search = DeliverySearch(connection, caller.tenant_id, webhook_id)
        found = await search.newest(wanted.conditions(), before=wanted.after, limit=wanted.probe)
    return answer(delivery_page(found, wanted))


@router.get("/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}")
@documented(answer=Data[contents.DeliveryDetail])
async def get_of_webhook(
    services: Provided, caller: Reader, webhook_id: UUID, delivery_id: UUID
) -> Response:
    """Get a delivery of this webhook, with its headers and body."""
    return data(await delivery_detail(services, caller, delivery_id, webhook_id=webhook_id))
