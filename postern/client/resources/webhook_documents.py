"""The resource webhook_documents. Written by `make client` from docs/openapi.json."""

from typing import Literal

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class WebhookDocuments:
    """Calls of webhook_documents."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def export(
        self,
    ) -> models.WebhookDocument:
        """Return all webhooks as one document without secrets, always in the same order.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/export")
        return self._http.fetch(call, models.WebhookDocument)

    def import_document(
        self,
        body: bodies.WebhookDocument,
        *,
        mode: Literal["plan", "apply"] | None = None,
        prune: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.ImportData:
        """Tell what a document would change, or change it: all of it in one transaction.

        Or nothing.

        Webhooks are matched by slug. Secrets of new ones are in this answer alone. Pruning
        needs the permission to delete.

        Needs the permission create and read and update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/import",
            query={"mode": mode, "prune": prune},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.ImportData)


class AsyncWebhookDocuments:
    """Calls of webhook_documents."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def export(
        self,
    ) -> models.WebhookDocument:
        """Return all webhooks as one document without secrets, always in the same order.

        Needs the permission read.
        """
        call = Call(method="GET", template="/api/v1/inbound-webhooks/export")
        return await self._http.fetch(call, models.WebhookDocument)

    async def import_document(
        self,
        body: bodies.WebhookDocument,
        *,
        mode: Literal["plan", "apply"] | None = None,
        prune: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.ImportData:
        """Tell what a document would change, or change it: all of it in one transaction.

        Or nothing.

        Webhooks are matched by slug. Secrets of new ones are in this answer alone. Pruning
        needs the permission to delete.

        Needs the permission create and read and update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/import",
            query={"mode": mode, "prune": prune},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.ImportData)
