"""The secret that signs one webhook's forwards: set, exchanged, taken away."""

import secrets
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import JsonBody, Provided, Reader, Updater
from control_api.answers import data, data_with_secret, no_content
from control_api.auditing import audit
from control_api.contents import forward_secrets as contents
from control_api.contents.envelope import Data, DataWithSecret
from control_api.documentation import documented
from control_api.faults import validated
from control_api.schemas import ForwardSecretBody
from shared.errors import Conflict
from shared.ledger.forward_secrets import ForwardSecret, ForwardSecrets
from shared.ledger.webhooks import Webhooks
from shared.settings import Secret
from shared.signatures.signing_secrets import format_secret, parse_secret

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["inbound webhooks"])

_KEY_BYTES = 32
#: A forward carries a signature of each.
_MOST_AT_ONCE = 5


@router.get("/{webhook_id}/forward-secret")
@documented(answer=Data[list[contents.ForwardSecret]])
async def get(services: Provided, caller: Reader, webhook_id: UUID) -> Response:
    """Tell what signs a webhook's forwards, without the secrets themselves."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).get(caller.tenant_id, webhook_id)
        live = await ForwardSecrets(
            connection, tenant_id=caller.tenant_id, webhook_id=webhook_id
        ).list_live()
    return data(_content(live))


@router.put("/{webhook_id}/forward-secret")
@documented(
    answer=DataWithSecret[list[contents.ForwardSecret]],
    body=ForwardSecretBody,
    faults={409: "too many secrets sign already"},
)
async def put(services: Provided, caller: Updater, webhook_id: UUID, body: JsonBody) -> Response:
    """Give a webhook's forwards a secret of their own; one made up is in this answer alone."""
    wanted = validated(ForwardSecretBody, body)
    key = parse_secret(wanted.secret) if wanted.secret else secrets.token_bytes(_KEY_BYTES)
    async with services.transaction(caller) as connection:
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        stored = ForwardSecrets(connection, tenant_id=caller.tenant_id, webhook_id=webhook_id)
        if wanted.overlap_seconds and len(await stored.list_live()) >= _MOST_AT_ONCE:
            raise Conflict(f"{_MOST_AT_ONCE} secrets sign already: wait, or leave out the overlap")
        await stored.replace(services.keyring, key, overlap_seconds=wanted.overlap_seconds)
        details = {"overlap_seconds": wanted.overlap_seconds}
        target = f"webhook:{webhook_id}"
        await audit(connection, caller, "webhook.forward_secret_set", target, details=details)
        live = await stored.list_live()
    made_up = None if wanted.secret else Secret(format_secret(key))
    return data_with_secret(_content(live), made_up)


@router.delete("/{webhook_id}/forward-secret", status_code=204)
@documented(answer=None)
async def delete(services: Provided, caller: Updater, webhook_id: UUID) -> Response:
    """Let the workers' own secret sign a webhook's forwards again, at once."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        await ForwardSecrets(
            connection, tenant_id=caller.tenant_id, webhook_id=webhook_id
        ).delete_all()
        await audit(connection, caller, "webhook.forward_secret_deleted", f"webhook:{webhook_id}")
    return no_content()


def _content(live: list[ForwardSecret]) -> list[dict[str, Any]]:
    """Return what signs, newest first; where nothing is listed the workers' own secret does."""
    return [
        {
            "secret_id": secret.secret_id,
            "origin": "workers" if secret.sealed is None else "webhook",
            "created_at": secret.created_at,
            "valid_until": secret.valid_until,
        }
        for secret in live
    ]
