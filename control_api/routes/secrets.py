"""A webhook's secrets: what may be known of them, rotation, revocation."""

from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import JsonBody, Provided, Reader, Updater
from control_api.answers import data, shown
from control_api.auditing import audit
from control_api.contents.envelope import Data, DataWithSecret
from control_api.contents.webhooks import Webhook, WebhookSecret
from control_api.documentation import documented
from control_api.faults import validated
from control_api.preconditions import IfMatch
from control_api.schemas import RotateBody
from control_api.webhook_secrets import WITHOUT_SECRET, SecretKeeper, chosen_secret
from control_api.webhook_view import webhook_answer
from shared.errors import Conflict, NotFound
from shared.ledger.webhook_secrets import WebhookSecrets
from shared.ledger.webhooks import Webhooks

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["inbound webhooks"])


@router.post("/{webhook_id}/rotate-secret")
@documented(
    answer=DataWithSecret[Webhook],
    body=RotateBody,
    faults={409: "a webhook of this auth type has no secret"},
)
async def rotate(
    services: Provided, caller: Updater, webhook_id: UUID, *, match: IfMatch, body: JsonBody
) -> Response:
    """Give a webhook a new secret, shown in this answer alone.

    One that only the sender can make has to be given.
    """
    wanted = validated(RotateBody, body)
    async with services.transaction(caller) as connection:
        webhooks = Webhooks(connection)
        webhook = await webhooks.lock(caller.tenant_id, webhook_id)
        match.check(webhook.version)
        if webhook.settings.auth_type in WITHOUT_SECRET:
            raise Conflict(f"a webhook of auth_type {webhook.settings.auth_type} has no secret")
        secret = chosen_secret(webhook.settings, wanted.secret)
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
    return webhook_answer(view, beside=shown(secret))


@router.get("/{webhook_id}/secrets")
@documented(answer=Data[list[WebhookSecret]])
async def list_secrets(services: Provided, caller: Reader, webhook_id: UUID) -> Response:
    """List a webhook's secrets, the newest first: when each counts and was last used."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).get(caller.tenant_id, webhook_id)
        found = await WebhookSecrets(connection).list_all(caller.tenant_id, webhook_id)
    return data([asdict(secret) for secret in found])


@router.delete("/{webhook_id}/secrets/{secret_id}")
@documented(answer=Data[Webhook], faults={409: "it is the newest secret of the webhook"})
async def revoke(
    services: Provided, caller: Updater, webhook_id: UUID, secret_id: UUID, *, match: IfMatch
) -> Response:
    """End an old secret at once, before its overlap is over. The newest can only be rotated."""
    async with services.transaction(caller) as connection:
        webhooks, secrets = Webhooks(connection), WebhookSecrets(connection)
        # Before the webhook is looked for: a foreign one is answered like one of nothing.
        stored = await secrets.list_all(caller.tenant_id, webhook_id)
        if secret_id not in {secret.secret_id for secret in stored}:
            raise NotFound(f"there is no secret {secret_id}")
        webhook = await webhooks.lock(caller.tenant_id, webhook_id)
        match.check(webhook.version)
        if secret_id == stored[0].secret_id:
            raise Conflict("this is the newest secret; rotate it, and it ends at once")
        await secrets.delete(caller.tenant_id, webhook_id, secret_id)
        await webhooks.touch(caller.tenant_id, webhook_id)
        await audit(
            connection,
            caller,
            "webhook.secret_revoked",
            f"webhook:{webhook_id}",
            details={"secret_id": secret_id},
        )
        view = await services.view(connection, caller, webhook_id)
    return webhook_answer(view)
