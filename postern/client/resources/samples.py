"""The resource samples. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class Samples:
    """Calls of samples."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def arm(
        self,
        webhook_id: UUID | str,
        body: bodies.CaptureBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.WebhookData:
        """Keep the next accepted request of the coming time.

        In place of the sample of that name.

        Without a name, the sample without one goes at once.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/capture-sample",
            path={"webhook_id": webhook_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.WebhookData)

    def clear(self, webhook_id: UUID | str) -> models.WebhookData:
        """Drop the sample without a name and stop waiting for one.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/capture-sample",
            path={"webhook_id": webhook_id},
        )
        return self._http.fetch(call, models.WebhookData)

    def list_samples(self, webhook_id: UUID | str) -> models.SampleSummaryListData:
        """List a webhook's samples: the one without a name first, then by name.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples",
            path={"webhook_id": webhook_id},
        )
        return self._http.fetch(call, models.SampleSummaryListData)

    def clear_all(self, webhook_id: UUID | str) -> None:
        """Drop every sample and stop waiting for one.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples",
            path={"webhook_id": webhook_id},
        )
        self._http.send(call)

    def get(self, webhook_id: UUID | str, sample_id: UUID | str) -> models.NamedSampleData:
        """Get a sample with its headers and body.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples/{sample_id}",
            path={"webhook_id": webhook_id, "sample_id": sample_id},
        )
        return self._http.fetch(call, models.NamedSampleData)

    def rename(
        self, webhook_id: UUID | str, sample_id: UUID | str, body: bodies.SampleNameBody
    ) -> models.NamedSampleData:
        """Keep a sample under a name, so that no capture without one replaces it.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples/{sample_id}",
            path={"webhook_id": webhook_id, "sample_id": sample_id},
            body=body,
        )
        return self._http.fetch(call, models.NamedSampleData)

    def delete(self, webhook_id: UUID | str, sample_id: UUID | str) -> None:
        """Delete a sample.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples/{sample_id}",
            path={"webhook_id": webhook_id, "sample_id": sample_id},
        )
        self._http.send(call)

    def get_paths(self, webhook_id: UUID | str, sample_id: UUID | str) -> models.SampleTreeData:
        """Get the tree of what a sample holds: JSONata paths with types and examples.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples/{sample_id}/paths",
            path={"webhook_id": webhook_id, "sample_id": sample_id},
        )
        return self._http.fetch(call, models.SampleTreeData)


class AsyncSamples:
    """Calls of samples."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def arm(
        self,
        webhook_id: UUID | str,
        body: bodies.CaptureBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.WebhookData:
        """Keep the next accepted request of the coming time.

        In place of the sample of that name.

        Without a name, the sample without one goes at once.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/capture-sample",
            path={"webhook_id": webhook_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.WebhookData)

    async def clear(self, webhook_id: UUID | str) -> models.WebhookData:
        """Drop the sample without a name and stop waiting for one.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/capture-sample",
            path={"webhook_id": webhook_id},
        )
        return await self._http.fetch(call, models.WebhookData)

    async def list_samples(self, webhook_id: UUID | str) -> models.SampleSummaryListData:
        """List a webhook's samples: the one without a name first, then by name.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples",
            path={"webhook_id": webhook_id},
        )
        return await self._http.fetch(call, models.SampleSummaryListData)

    async def clear_all(self, webhook_id: UUID | str) -> None:
        """Drop every sample and stop waiting for one.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples",
            path={"webhook_id": webhook_id},
        )
        await self._http.send(call)

    async def get(self, webhook_id: UUID | str, sample_id: UUID | str) -> models.NamedSampleData:
        """Get a sample with its headers and body.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples/{sample_id}",
            path={"webhook_id": webhook_id, "sample_id": sample_id},
        )
        return await self._http.fetch(call, models.NamedSampleData)

    async def rename(
        self, webhook_id: UUID | str, sample_id: UUID | str, body: bodies.SampleNameBody
    ) -> models.NamedSampleData:
        """Keep a sample under a name, so that no capture without one replaces it.

        Needs the permission update.
        """
        call = Call(
            method="PUT",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples/{sample_id}",
            path={"webhook_id": webhook_id, "sample_id": sample_id},
            body=body,
        )
        return await self._http.fetch(call, models.NamedSampleData)

    async def delete(self, webhook_id: UUID | str, sample_id: UUID | str) -> None:
        """Delete a sample.

        Needs the permission update.
        """
        call = Call(
            method="DELETE",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples/{sample_id}",
            path={"webhook_id": webhook_id, "sample_id": sample_id},
        )
        await self._http.send(call)

    async def get_paths(
        self, webhook_id: UUID | str, sample_id: UUID | str
    ) -> models.SampleTreeData:
        """Get the tree of what a sample holds: JSONata paths with types and examples.

        Needs the permission read.
        """
        call = Call(
            method="GET",
            template="/api/v1/inbound-webhooks/{webhook_id}/samples/{sample_id}/paths",
            path={"webhook_id": webhook_id, "sample_id": sample_id},
        )
        return await self._http.fetch(call, models.SampleTreeData)
