"""Webhooks: create, list, get, replace, patch, delete."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Creator, Deleter, JsonBody, Provided, Reader, Updater
from control_api.answers import answer, no_content, shown
from control_api.contents import envelope
from control_api.contents.webhooks import Webhook, WebhookSummary
from control_api.documentation import documented
from control_api.preconditions import IfMatch, IfNoneMatch
from control_api.presentation import webhook_content
from control_api.schemas import WebhookBody, WebhookPatchBody
from control_api.webhook_changes import WebhookChanges
from control_api.webhook_input import judge_webhook, patched_document
from control_api.webhook_query import Wanted, webhook_page
from control_api.webhook_view import webhook_answer
from shared.domain.identifiers import WebhookId, uuid7
from shared.ledger.webhook_list import WebhookList
from shared.ledger.webhooks import Webhooks

_TAG = {"ETag": "Version and digest of the webhook, for If-Match and If-None-Match."}
_SLUG_TAKEN = {409: "another webhook of this tenant has this slug"}

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["inbound webhooks"])


@router.post("", status_code=201)
@documented(
    answer=envelope.DataWithSecret[Webhook], body=WebhookBody, faults=_SLUG_TAKEN, headers=_TAG
)
async def create(services: Provided, caller: Creator, body: JsonBody) -> Response:
    """Create a webhook; the answer is the only one that holds its secret."""
    webhook_id = WebhookId(uuid7())
    async with services.transaction(caller) as connection:
        wanted = await judge_webhook(connection, body, services.expression_checks)
        changes = WebhookChanges(connection, caller, services.keyring)
        secret = await changes.insert(webhook_id, wanted)
        view = await services.view(connection, caller, webhook_id)
    return webhook_answer(view, status=201, beside=shown(secret))


@router.get("")
@documented(answer=envelope.Page[WebhookSummary])
async def list_page(services: Provided, caller: Reader, wanted: Wanted) -> Response:
    """List webhooks that match, newest first or in the order that is asked for."""
    async with services.transaction(caller) as connection:
        ids = await WebhookList(connection).list_ids(
            caller.tenant_id,
            wanted.filter(),
            order=wanted.sort,
            after=wanted.after,
            limit=wanted.probe,
        )
        found = await Webhooks(connection).list_by_ids(caller.tenant_id, ids)
    shown_ones = [
        webhook_content(webhook, gateway_url=services.public_gateway_url)
        for webhook in found[: wanted.limit]
    ]
    return answer(webhook_page(found, wanted, shown_ones))


@router.get("/{webhook_id}")
@documented(answer=envelope.Data[Webhook], others={304: None}, headers=_TAG)
async def get(
    services: Provided, caller: Reader, webhook_id: UUID, known: IfNoneMatch
) -> Response:
    """Get a webhook with its sample."""
    async with services.transaction(caller) as connection:
        view = await services.view(connection, caller, webhook_id)
    return webhook_answer(view, known=known)


@router.put("/{webhook_id}")
@documented(
    answer=envelope.DataWithSecret[Webhook], body=WebhookBody, faults=_SLUG_TAKEN, headers=_TAG
)
async def replace(
    services: Provided, caller: Updater, webhook_id: UUID, *, match: IfMatch, body: JsonBody
) -> Response:
    """Replace a webhook; what the body leaves out gets its default, a secret stays."""
    async with services.transaction(caller) as connection:
        before = await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        match.check(before.version)
        wanted = await judge_webhook(
            connection, body, services.expression_checks, present=before.settings
        )
        secret = await WebhookChanges(connection, caller, services.keyring).update(before, wanted)
        view = await services.view(connection, caller, webhook_id)
    return webhook_answer(view, beside=shown(secret))


@router.patch("/{webhook_id}")
@documented(
    answer=envelope.DataWithSecret[Webhook],
    body=WebhookPatchBody,
    faults=_SLUG_TAKEN,
    headers=_TAG,
)
async def patch(
    services: Provided, caller: Updater, webhook_id: UUID, *, match: IfMatch, body: JsonBody
) -> Response:
    """Change a webhook by a JSON Merge Patch (RFC 7396); a secret stays unless the patch has one.

    The patched webhook is judged as a whole, like a replacement.
    """
    async with services.transaction(caller) as connection:
        before = await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        match.check(before.version)
        present = webhook_content(before, gateway_url=services.public_gateway_url)
        document = patched_document(present, body)
        wanted = await judge_webhook(
            connection, document, services.expression_checks, present=before.settings
        )
        changes = WebhookChanges(connection, caller, services.keyring)
        secret = await changes.update(before, wanted, event="webhook.patched")
        view = await services.view(connection, caller, webhook_id)
    return webhook_answer(view, beside=shown(secret))


@router.delete("/{webhook_id}", status_code=204)
@documented(answer=None)
async def delete(
    services: Provided, caller: Deleter, webhook_id: UUID, match: IfMatch
) -> Response:
    """Delete a webhook and its secrets; its deliveries and mappings stay."""
    async with services.transaction(caller) as connection:
        before = await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        match.check(before.version)
        await WebhookChanges(connection, caller, services.keyring).delete(before)
    return no_content()
