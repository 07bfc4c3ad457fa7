"""Rotation of a webhook's secret."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import JsonBody, Provided, Updater
from control_api.answers import data_with_secret
from control_api.auditing import audit
from control_api.contents.envelope import DataWithSecret
from control_api.contents.webhooks import Webhook
from control_api.documentation import documented
from control_api.faults import validated
from control_api.schemas import RotateBody
from control_api.webhook_secrets import WITHOUT_SECRET, SecretKeeper, new_secret
from shared.errors import Conflict
from shared.ledger.webhooks import Webhooks

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["inbound webhooks"])


@router.post("/{webhook_id}/rotate-secret")
@documented(
    answer=DataWithSecret[Webhook],
    body=RotateBody,
    faults={409: "a webhook of this auth type has no secret"},
)
async def rotate(
    services: Provided, caller: Updater, webhook_id: UUID, body: JsonBody
) -> Response:
    """Give a webhook a new secret, shown in this answer alone."""
    wanted = validated(RotateBody, body)
    secret = new_secret()
    async with services.transaction(caller) as connection:
        webhooks = Webhooks(connection)
        webhook = await webhooks.lock(caller.tenant_id, webhook_id)
        if webhook.settings.auth_type in WITHOUT_SECRET:
            raise Conflict(f"a webhook of auth_type {webhook.settings.auth_type} has no secret")
        await SecretKeeper(connection, services.keyring).replace(
            webhook.tenant_id, webhook.webhook_id, secret, overlap_seconds=wanted.overlap_seconds
        )
        await webhooks.touch(caller.tenant_id, webhook_id)
        await audit(
            connection,
            caller,
            "webhook.secret_rotated",
            f"webhook:{webhook_id}",
            details={"overlap_seconds": wanted.overlap_seconds},
        )
        view = await services.view(connection, caller, webhook_id)
    return data_with_secret(view, secret)
