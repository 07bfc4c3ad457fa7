"""A webhook's switch, and copies of it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Creator, JsonBody, Provided, Services, Updater
from control_api.answers import shown
from control_api.authentication import Caller
from control_api.clone_names import clone_name, clone_slug, slug_stem
from control_api.contents.envelope import Data, DataWithSecret
from control_api.contents.webhooks import Webhook
from control_api.documentation import documented
from control_api.faults import validated
from control_api.preconditions import IfMatch, Precondition
from control_api.presentation import webhook_content
from control_api.schemas import CloneBody
from control_api.webhook_changes import WebhookChanges
from control_api.webhook_input import judge_webhook
from control_api.webhook_secrets import WITHOUT_SECRET, chosen_secret
from control_api.webhook_view import webhook_answer
from shared.domain.identifiers import WebhookId, uuid7
from shared.ledger.webhooks import Webhooks

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["inbound webhooks"])


@router.post("/{webhook_id}/enable")
@documented(answer=Data[Webhook])
async def enable(
    services: Provided, caller: Updater, webhook_id: UUID, match: IfMatch
) -> Response:
    """Switch a webhook on; one that is on stays as it is."""
    return webhook_answer(await _switched(services, caller, webhook_id, match=match, to=True))


@router.post("/{webhook_id}/disable")
@documented(answer=Data[Webhook])
async def disable(
    services: Provided, caller: Updater, webhook_id: UUID, match: IfMatch
) -> Response:
    """Switch a webhook off: its senders are answered 401. One that is off stays as it is."""
    return webhook_answer(await _switched(services, caller, webhook_id, match=match, to=False))


@router.post("/{webhook_id}/clone", status_code=201)
@documented(
    answer=DataWithSecret[Webhook],
    body=CloneBody,
    faults={409: "another webhook of this tenant has this slug"},
)
async def clone(services: Provided, caller: Creator, webhook_id: UUID, body: JsonBody) -> Response:
    """Create a webhook with the settings of this one, under another slug and with a new secret.

    A secret that only the sender can make has to be given.

    Samples, deliveries and external mappings stay with the original.
    """
    wanted = validated(CloneBody, body)
    clone_id = WebhookId(uuid7())
    async with services.transaction(caller) as connection:
        webhooks = Webhooks(connection)
        original = await webhooks.get(caller.tenant_id, webhook_id)
        slug = original.settings.slug
        taken = await webhooks.list_slugs(caller.tenant_id, prefix=slug_stem(slug))
        document = {
            **webhook_content(original, gateway_url=services.public_gateway_url),
            "name": clone_name(original.settings.name),
            "slug": clone_slug(slug, taken),
            **wanted.model_dump(exclude_unset=True, exclude={"secret"}),
        }
        settled = await judge_webhook(
            connection, document, services.expression_checks, demands_secret=False
        )
        # Judged apart, so that its faults have the path that it has here.
        if wanted.secret is not None or settled.settings.auth_type not in WITHOUT_SECRET:
            settled = replace(settled, secret=chosen_secret(settled.settings, wanted.secret))
        changes = WebhookChanges(connection, caller, services.keyring)
        secret = await changes.insert(clone_id, settled, event="webhook.cloned")
        view = await services.view(connection, caller, clone_id)
    return webhook_answer(view, status=201, beside=shown(secret))


async def _switched(
    services: Services, caller: Caller, webhook_id: UUID, *, match: Precondition, to: bool
) -> dict[str, Any]:
    async with services.transaction(caller) as connection:
        before = await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        match.check(before.version)
        changes = WebhookChanges(connection, caller, services.keyring)
        await changes.switch(before, is_active=to)
        return await services.view(connection, caller, webhook_id)
