"""The resource replays. Written by `make client` from docs/openapi.json."""

from uuid import UUID

from postern.client import bodies, models
from postern.client.calls import Call, new_idempotency_key
from postern.client.transport import AsyncHttp, Http


class Replays:
    """Calls of replays."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def test(
        self,
        webhook_id: UUID | str,
        body: bodies.TrialBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.DryRunData | models.DeliveryData:
        """Run a made-up request through the webhook's current configuration, effects included.

        With ``dry_run`` nothing is done or written: the answer, a 200, tells what would be.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/test",
            path={"webhook_id": webhook_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch_either(call, (200, models.DryRunData), (202, models.DeliveryData))

    def replay(
        self,
        webhook_id: UUID | str,
        delivery_id: UUID | str,
        body: bodies.OneReplayBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.ReplayDifferenceData | models.DeliveryData:
        """Run a delivery's request again, with the webhook's current configuration.

        With ``dry_run`` nothing is done or written: the answer, a 200, tells what that
        configuration makes of the request beside what the one that handled the delivery made of
        it.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
            path={"webhook_id": webhook_id, "delivery_id": delivery_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch_either(
            call, (200, models.ReplayDifferenceData), (202, models.DeliveryData)
        )

    def replay_matching(
        self,
        webhook_id: UUID | str,
        body: bodies.ReplayBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.BulkReplayData:
        """Replay deliveries that match, the oldest first, up to a limit; an empty body.

        Failed ones.

        Never authenticated, unreadable, duplicate and unfinished ones are passed over.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/replay",
            path={"webhook_id": webhook_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return self._http.fetch(call, models.BulkReplayData)


class AsyncReplays:
    """Calls of replays."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def test(
        self,
        webhook_id: UUID | str,
        body: bodies.TrialBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.DryRunData | models.DeliveryData:
        """Run a made-up request through the webhook's current configuration, effects included.

        With ``dry_run`` nothing is done or written: the answer, a 200, tells what would be.

        Needs the permission update.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/test",
            path={"webhook_id": webhook_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch_either(
            call, (200, models.DryRunData), (202, models.DeliveryData)
        )

    async def replay(
        self,
        webhook_id: UUID | str,
        delivery_id: UUID | str,
        body: bodies.OneReplayBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.ReplayDifferenceData | models.DeliveryData:
        """Run a delivery's request again, with the webhook's current configuration.

        With ``dry_run`` nothing is done or written: the answer, a 200, tells what that
        configuration makes of the request beside what the one that handled the delivery made of
        it.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
            path={"webhook_id": webhook_id, "delivery_id": delivery_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch_either(
            call, (200, models.ReplayDifferenceData), (202, models.DeliveryData)
        )

    async def replay_matching(
        self,
        webhook_id: UUID | str,
        body: bodies.ReplayBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> models.BulkReplayData:
        """Replay deliveries that match, the oldest first, up to a limit; an empty body.

        Failed ones.

        Never authenticated, unreadable, duplicate and unfinished ones are passed over.

        Needs the permission read and replay.
        """
        call = Call(
            method="POST",
            template="/api/v1/inbound-webhooks/{webhook_id}/deliveries/replay",
            path={"webhook_id": webhook_id},
            headers={"idempotency-key": idempotency_key or new_idempotency_key()},
            body=body,
        )
        return await self._http.fetch(call, models.BulkReplayData)
