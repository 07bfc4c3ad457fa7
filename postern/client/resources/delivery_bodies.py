"""The resource delivery_bodies. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class DeliveryBodies:
    """Calls of delivery_bodies."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, delivery_id: UUID | str) -> bytes:
        """Get the body of a delivery, byte for byte, as a download.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries/{delivery_id}/body",
            path={"delivery_id": delivery_id},
            accept="*/*",
        )
        return (self._http.send(call)).content

    def get_of_webhook(self, webhook_id: UUID | str, delivery_id: UUID | str) -> bytes:
        """Get the body of a delivery of this webhook, byte for byte, as a download.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}/body",
            path={"webhook_id": webhook_id, "delivery_id": delivery_id},
            accept="*/*",
        )
        return (self._http.send(call)).content


class AsyncDeliveryBodies:
    """Calls of delivery_bodies."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def get(self, delivery_id: UUID | str) -> bytes:
        """Get the body of a delivery, byte for byte, as a download.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/deliveries/{delivery_id}/body",
            path={"delivery_id": delivery_id},
            accept="*/*",
        )
        return (await self._http.send(call)).content

    async def get_of_webhook(self, webhook_id: UUID | str, delivery_id: UUID | str) -> bytes:
        """Get the body of a delivery of this webhook, byte for byte, as a download.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}/body",
            path={"webhook_id": webhook_id, "delivery_id": delivery_id},
            accept="*/*",
        )
        return (await self._http.send(call)).content
