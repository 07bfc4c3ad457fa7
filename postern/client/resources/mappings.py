"""The resource mappings. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class Mappings:
    """Calls of mappings."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list_mappings(self, webhook_id: UUID | str) -> models.ExternalMappingListData:
        """List the first thousand mappings of a webhook, by entity type and external id.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/external-mappings",
            path={"webhook_id": webhook_id},
        )
        return self._http.fetch(call, models.ExternalMappingListData)

    def upsert(
        self, webhook_id: UUID | str, body: bodies.ExternalMappingBody
    ) -> models.ExternalMappingData:
        """Let an external id stand for a client or an asset.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}/external-mappings",
            path={"webhook_id": webhook_id},
            body=body,
        )
        return self._http.fetch(call, models.ExternalMappingData)


class AsyncMappings:
    """Calls of mappings."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list_mappings(self, webhook_id: UUID | str) -> models.ExternalMappingListData:
        """List the first thousand mappings of a webhook, by entity type and external id.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/external-mappings",
            path={"webhook_id": webhook_id},
        )
        return await self._http.fetch(call, models.ExternalMappingListData)

    async def upsert(
        self, webhook_id: UUID | str, body: bodies.ExternalMappingBody
    ) -> models.ExternalMappingData:
        """Let an external id stand for a client or an asset.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}/external-mappings",
            path={"webhook_id": webhook_id},
            body=body,
        )
        return await self._http.fetch(call, models.ExternalMappingData)
