"""Tests and replays: new deliveries that wait in the outbox like any other."""

import re
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from control_api.access import JsonBody, Provided, Replayer, Updater
from control_api.answers import data
from control_api.auditing import audit
from control_api.authentication import Caller
from control_api.contents.deliveries import BulkReplay, Delivery
from control_api.contents.dry_runs import DryRun
from control_api.contents.envelope import Data
from control_api.contents.replay_differences import ReplayDifference
from control_api.documentation import documented
from control_api.faults import validated
from control_api.presentation import delivery_content, receiver_path
from control_api.replay_differences import replay_difference
from control_api.replayable import check_replayable
from control_api.schemas import OneReplayBody, ReplayBody, TrialBody
from control_api.trials import dry_run
from shared.database.pool import Connection
from shared.domain.delivery import format_header_block
from shared.domain.identifiers import delivery_id as new_delivery_id
from shared.errors import Conflict
from shared.ledger.deliveries import Deliveries, TrialDelivery
from shared.ledger.webhooks import StoredWebhook, Webhooks

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["deliveries"])

_SHOWN_REPLAYS = 100

#: Credentials are not recorded, whoever sends them: the names that gateways leave out.
_CREDENTIAL_NAME = re.compile(
    r"authorization|cookie|signature|hmac|token|secret|password|jwt|api-?key|^referer$|-ur[il]$"
)


@router.post("/{webhook_id}/test", status_code=202)
@documented(
    answer=Data[Delivery],
    body=TrialBody,
    faults={409: "the webhook is switched off, or no worker runs its action"},
    others={200: Data[DryRun]},
)
async def test(
    services: Provided, caller: Updater, webhook_id: UUID, *, body: JsonBody, request: Request
) -> Response:
    """Run a made-up request through the webhook's current configuration, effects included.

    With ``dry_run`` nothing is done or written: the answer, a 200, tells what would be.
    """
    wanted = validated(TrialBody, body)
    if wanted.dry_run:
        return data(await dry_run(services, caller, webhook_id, wanted.body))
    async with services.transaction(caller) as connection:
        webhook = await _active_webhook(connection, caller, webhook_id)
        deliveries = Deliveries(connection)
        trial = TrialDelivery(
            tenant_id=webhook.tenant_id,
            delivery_id=new_delivery_id(),
            webhook_id=webhook.webhook_id,
            webhook_version=webhook.version,
            request_path=receiver_path(webhook),
            request_headers=_header_block(webhook, wanted),
            request_body=b"" if wanted.body is None else orjson.dumps(wanted.body),
            source_address="" if request.client is None else request.client.host,
        )
        await deliveries.insert_test(trial)
        await audit(connection, caller, "webhook.tested", f"webhook:{webhook_id}")
        delivery = await deliveries.get(caller.tenant_id, trial.delivery_id)
    return data(delivery_content(delivery), status=202)


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay", status_code=202)
@documented(
    answer=Data[Delivery],
    body=OneReplayBody,
    faults={409: "the webhook is switched off, or the delivery cannot be handled again"},
    others={200: Data[ReplayDifference]},
)
async def replay(
    services: Provided, caller: Replayer, webhook_id: UUID, delivery_id: UUID, *, body: JsonBody
) -> Response:
    """Run a delivery's request again, with the webhook's current configuration.

    With ``dry_run`` nothing is done or written: the answer, a 200, tells what that configuration
    makes of the request beside what the one that handled the delivery made of it.
    """
    if validated(OneReplayBody, body).dry_run:
        return data(await replay_difference(services, caller, delivery_id, webhook_id=webhook_id))
    replay_id = new_delivery_id()
    async with services.transaction(caller) as connection:
        deliveries = Deliveries(connection)
        source = await deliveries.get(caller.tenant_id, delivery_id, webhook_id=webhook_id)
        webhook = await _active_webhook(connection, caller, webhook_id)
        check_replayable(source)
        await deliveries.insert_replay(
            source, delivery_id=replay_id, webhook_version=webhook.version
        )
        await audit(
            connection,
            caller,
            "delivery.replayed",
            f"delivery:{delivery_id}",
            details={"webhook_id": webhook_id, "replay_id": replay_id},
        )
        delivery = await deliveries.get(caller.tenant_id, replay_id)
    return data(delivery_content(delivery), status=202)


@router.post("/{webhook_id}/deliveries/replay", status_code=202)
@documented(answer=Data[BulkReplay], body=ReplayBody, faults={409: "the webhook is switched off"})
async def replay_matching(
    services: Provided, caller: Replayer, webhook_id: UUID, body: JsonBody
) -> Response:
    """Replay deliveries that match, the oldest first, up to a limit; an empty body: failed ones.

    Never authenticated, unreadable, duplicate and unfinished ones are passed over.
    """
    wanted = validated(ReplayBody, body)
    made = sorted(new_delivery_id() for _ in range(wanted.limit))
    async with services.transaction(caller) as connection:
        webhook = await _active_webhook(connection, caller, webhook_id)
        replays = await Deliveries(connection).insert_replays(
            webhook, wanted.filter(), outcome_code=wanted.code, delivery_ids=made
        )
        await audit(
            connection,
            caller,
            "deliveries.replayed",
            f"webhook:{webhook_id}",
            details={"count": len(replays), **wanted.model_dump(mode="json")},
        )
    return data(
        {
            "count": len(replays),
            "limit_reached": len(replays) == wanted.limit,
            "delivery_ids": replays[:_SHOWN_REPLAYS],
        },
        status=202,
    )


async def _active_webhook(
    connection: Connection, caller: Caller, webhook_id: UUID
) -> StoredWebhook:
    webhook = await Webhooks(connection).get(caller.tenant_id, webhook_id)
    if not webhook.settings.is_active:
        raise Conflict("the webhook is switched off; activate it first")
    return webhook


def _header_block(webhook: StoredWebhook, wanted: TrialBody) -> bytes:
    signature_header = webhook.settings.auth_config.get("signature_header", "")
    given = {name.lower(): value for name, value in wanted.headers.items()}
    headers = {"content-type": "application/json"} | given
    return format_header_block(
        [
            (name, value)
            for name, value in headers.items()
            if name != signature_header.lower() and not _CREDENTIAL_NAME.search(name)
        ]
    )
