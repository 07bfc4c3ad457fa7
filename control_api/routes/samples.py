"""Samples: wait for a real request and keep it."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Provided, Updater
from control_api.answers import data
from control_api.auditing import audit
from control_api.contents.envelope import Data
from control_api.contents.webhooks import Webhook
from control_api.documentation import documented
from shared.ledger.samples import Samples
from shared.ledger.webhooks import Webhooks

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["samples"])

_WINDOW_SECONDS = 300


@router.post("/{webhook_id}/capture-sample")
@documented(answer=Data[Webhook])
async def arm(services: Provided, caller: Updater, webhook_id: UUID) -> Response:
    """Keep the next accepted request of the coming five minutes; the old sample goes."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        await Samples(connection).arm(caller.tenant_id, webhook_id, window_seconds=_WINDOW_SECONDS)
        await audit(connection, caller, "sample.armed", f"webhook:{webhook_id}")
        view = await services.view(connection, caller, webhook_id)
    return data(view)


@router.delete("/{webhook_id}/capture-sample")
@documented(answer=Data[Webhook])
async def clear(services: Provided, caller: Updater, webhook_id: UUID) -> Response:
    """Drop the sample and stop waiting for one."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        await Samples(connection).clear(caller.tenant_id, webhook_id)
        await audit(connection, caller, "sample.cleared", f"webhook:{webhook_id}")
        view = await services.view(connection, caller, webhook_id)
    return data(view)
