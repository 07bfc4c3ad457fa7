"""The resource catalog. Written by `make client` from docs/openapi.json."""

from postern.client import models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class Catalog:
    """Calls of catalog."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list_actions(
        self,
    ) -> models.ActionListData:
        """List actions with their target fields, by entity type, then name.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/actions")
        return self._http.fetch(call, models.ActionListData)

    def list_workflows(
        self,
    ) -> models.AnnouncedWorkflowListData:
        """List workflows with what they take as a body, by name.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/workflows")
        return self._http.fetch(call, models.AnnouncedWorkflowListData)

    def list_auth_types(
        self,
    ) -> models.AuthTypeListData:
        """List auth types with what their auth_config may hold.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/auth-types")
        return self._http.fetch(call, models.AuthTypeListData)

    def list_presets(
        self,
    ) -> models.PresetListData:
        """List the settings for known senders, by name.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/presets")
        return self._http.fetch(call, models.PresetListData)


class AsyncCatalog:
    """Calls of catalog."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list_actions(
        self,
    ) -> models.ActionListData:
        """List actions with their target fields, by entity type, then name.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/actions")
        return await self._http.fetch(call, models.ActionListData)

    async def list_workflows(
        self,
    ) -> models.AnnouncedWorkflowListData:
        """List workflows with what they take as a body, by name.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/workflows")
        return await self._http.fetch(call, models.AnnouncedWorkflowListData)

    async def list_auth_types(
        self,
    ) -> models.AuthTypeListData:
        """List auth types with what their auth_config may hold.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/auth-types")
        return await self._http.fetch(call, models.AuthTypeListData)

    async def list_presets(
        self,
    ) -> models.PresetListData:
        """List the settings for known senders, by name.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/presets")
        return await self._http.fetch(call, models.PresetListData)
