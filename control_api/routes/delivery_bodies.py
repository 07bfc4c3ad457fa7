"""The exact bytes that a sender sent."""

import re
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Provided, Reader, Services
from control_api.authentication import Caller
from control_api.documentation import ANY_MEDIA_TYPE, Media, documented
from control_api.presentation import headers_content
from shared.errors import NotFound
from shared.ledger.deliveries import Deliveries

router = APIRouter(prefix="/api/v1", tags=["deliveries"])

_MEDIA_TYPE = re.compile(r"[!#$&^_.+\w-]{1,100}/[!#$&^_.+\w-]{1,100}(;[ -~]{0,200})?", re.ASCII)
#: A stranger wrote it: no browser may take it for a page, or for anything but what it is called.
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
}
_DOWNLOAD = Media(ANY_MEDIA_TYPE, "The exact bytes, under the sender's content type.")
_HEADER_NOTES = {"content-disposition": "attachment"}


@router.get("/deliveries/{delivery_id}/body")
@documented(answer=_DOWNLOAD, headers=_HEADER_NOTES)
async def get(services: Provided, caller: Reader, delivery_id: UUID) -> Response:
    """Get the body of a delivery, byte for byte, as a download."""
    return await _body(services, caller, delivery_id)


@router.get("/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}/body")
@documented(answer=_DOWNLOAD, headers=_HEADER_NOTES)
async def get_of_webhook(
    services: Provided, caller: Reader, webhook_id: UUID, delivery_id: UUID
) -> Response:
    """Get the body of a delivery of this webhook, byte for byte, as a download."""
    return await _body(services, caller, delivery_id, webhook_id=webhook_id)


async def _body(
    services: Services, caller: Caller, delivery_id: UUID, *, webhook_id: UUID | None = None
) -> Response:
    async with services.transaction(caller) as connection:
        delivery = await Deliveries(connection).get(
            caller.tenant_id, delivery_id, webhook_id=webhook_id
        )
    if delivery.request_body is None:
        raise NotFound("the body of a request that was never authenticated is not kept")
    media_type = headers_content(delivery.request_headers).get("content-type", "")
    if not _MEDIA_TYPE.fullmatch(media_type):
        media_type = "application/octet-stream"
    disposition = f'attachment; filename="delivery-{delivery_id}"'
    return Response(
        delivery.request_body,
        headers={"content-type": media_type, "content-disposition": disposition, **_HEADERS},
    )
