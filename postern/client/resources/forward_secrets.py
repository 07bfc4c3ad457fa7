"""The resource forward_secrets. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call
from postern.client.transport import AsyncHttp, Http


class ForwardSecrets:
    """Calls of forward_secrets."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, webhook_id: UUID | str) -> models.ForwardSecretListData:
        """Tell what signs a webhook's forwards, without the secrets themselves.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/forward-secret",
            path={"webhook_id": webhook_id},
        )
        return self._http.fetch(call, models.ForwardSecretListData)

    def put(
        self, webhook_id: UUID | str, body: bodies.ForwardSecretBody | None = None
    ) -> models.ForwardSecretListDataWithSecret:
        """Give a webhook's forwards a secret of their own.

        One made up is in this answer alone.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}/forward-secret",
            path={"webhook_id": webhook_id},
            body=body,
        )
        return self._http.fetch(call, models.ForwardSecretListDataWithSecret)

    def delete(self, webhook_id: UUID | str) -> None:
        """Let the workers' own secret sign a webhook's forwards again, at once.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/forward-secret",
            path={"webhook_id": webhook_id},
        )
        self._http.send(call)


class AsyncForwardSecrets:
    """Calls of forward_secrets."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def get(self, webhook_id: UUID | str) -> models.ForwardSecretListData:
        """Tell what signs a webhook's forwards, without the secrets themselves.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/forward-secret",
            path={"webhook_id": webhook_id},
        )
        return await self._http.fetch(call, models.ForwardSecretListData)

    async def put(
        self, webhook_id: UUID | str, body: bodies.ForwardSecretBody | None = None
    ) -> models.ForwardSecretListDataWithSecret:
        """Give a webhook's forwards a secret of their own.

        One made up is in this answer alone.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}/forward-secret",
            path={"webhook_id": webhook_id},
            body=body,
        )
        return await self._http.fetch(call, models.ForwardSecretListDataWithSecret)

    async def delete(self, webhook_id: UUID | str) -> None:
        """Let the workers' own secret sign a webhook's forwards again, at once.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/forward-secret",
            path={"webhook_id": webhook_id},
        )
        await self._http.send(call)
