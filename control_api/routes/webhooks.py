"""Webhooks: create, list, get, replace, delete."""

from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Creator, Deleter, JsonBody, Provided, Reader, Services, Updater
from control_api.answers import answer, data, data_with_secret, no_content
from control_api.auditing import audit
from control_api.authentication import Caller
from control_api.contents import envelope
from control_api.contents.webhooks import Webhook, WebhookSummary
from control_api.documentation import documented
from control_api.pagination import Page, page_content
from control_api.presentation import webhook_content
from control_api.schemas import WebhookBody
from control_api.webhook_input import Catalogue, WebhookInput, parse_webhook
from control_api.webhook_secrets import WITHOUT_SECRET, SecretKeeper, new_secret
from shared.database.pool import Connection
from shared.domain.identifiers import WebhookId, uuid7
from shared.ledger.catalog_entries import CatalogEntries
from shared.ledger.circuit_breakers import CircuitBreakers
from shared.ledger.forward_secrets import ForwardSecrets
from shared.ledger.samples import Samples
from shared.ledger.webhooks import StoredWebhook, Webhooks
from shared.settings import Secret

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["inbound webhooks"])

#: Held deliveries beyond these come by themselves, minutes later.
_RELEASED_AT_ONCE = 10_000


@router.post("", status_code=201)
@documented(
    answer=envelope.DataWithSecret[Webhook],
    body=WebhookBody,
    faults={409: "another webhook of this tenant has this slug"},
)
async def create(services: Provided, caller: Creator, body: JsonBody) -> Response:
    """Create a webhook; the answer is the only one that holds its secret."""
    wanted = await _parsed(services, caller, body)
    webhook_id = WebhookId(uuid7())
    async with services.transaction(caller) as connection:
        await Webhooks(connection).insert(
            caller.tenant_id, webhook_id, wanted.settings, created_by=caller.api_key_id
        )
        secret = _secret_of_new(wanted)
        if secret is not None:
            keeper = SecretKeeper(connection, services.keyring)
            await keeper.add(caller.tenant_id, webhook_id, secret)
        await audit(
            connection,
            caller,
            "webhook.created",
            f"webhook:{webhook_id}",
            after=asdict(wanted.settings),
        )
        view = await services.view(connection, caller, webhook_id)
    return data_with_secret(view, secret, status=201)


@router.get("")
@documented(answer=envelope.Page[WebhookSummary])
async def list_page(services: Provided, caller: Reader, page: Page) -> Response:
    """List webhooks, newest first."""
    async with services.transaction(caller) as connection:
        found = await Webhooks(connection).list_page(
            caller.tenant_id, after=page.after, limit=page.probe
        )
    return answer(
        page_content(
            found,
            page,
            key=lambda webhook: webhook.webhook_id,
            present=lambda webhook: webhook_content(
                webhook, gateway_url=services.public_gateway_url
            ),
        )
    )


@router.get("/{webhook_id}")
@documented(answer=envelope.Data[Webhook])
async def get(services: Provided, caller: Reader, webhook_id: UUID) -> Response:
    """Get a webhook with its sample."""
    async with services.transaction(caller) as connection:
        view = await services.view(connection, caller, webhook_id)
    return data(view)


@router.put("/{webhook_id}")
@documented(
    answer=envelope.DataWithSecret[Webhook],
    body=WebhookBody,
    faults={409: "another webhook of this tenant has this slug"},
)
async def replace(
    services: Provided, caller: Updater, webhook_id: UUID, body: JsonBody
) -> Response:
    """Replace a webhook; what the body leaves out gets its default, a secret stays."""
    wanted = await _parsed(services, caller, body)
    async with services.transaction(caller) as connection:
        webhooks = Webhooks(connection)
        before = await webhooks.lock(caller.tenant_id, webhook_id)
        await webhooks.update(caller.tenant_id, webhook_id, wanted.settings)
        keeper = SecretKeeper(connection, services.keyring)
        secret = await _change_secret(keeper, before, wanted)
        await _close_breaker(connection, before)
        await audit(
            connection,
            caller,
            "webhook.replaced",
            f"webhook:{webhook_id}",
            details={"secret_replaced": secret is not None},
            before=asdict(before.settings),
            after=asdict(wanted.settings),
        )
        view = await services.view(connection, caller, webhook_id)
    return data_with_secret(view, secret)


@router.delete("/{webhook_id}", status_code=204)
@documented(answer=None)
async def delete(services: Provided, caller: Deleter, webhook_id: UUID) -> Response:
    """Delete a webhook and its secrets; its deliveries and mappings stay."""
    async with services.transaction(caller) as connection:
        webhooks = Webhooks(connection)
        before = await webhooks.lock(caller.tenant_id, webhook_id)
        await webhooks.delete(caller.tenant_id, webhook_id)
        keeper = SecretKeeper(connection, services.keyring)
        await keeper.delete_all(caller.tenant_id, WebhookId(webhook_id))
        await ForwardSecrets(
            connection, tenant_id=caller.tenant_id, webhook_id=webhook_id
        ).delete_all()
        await Samples(connection).clear(caller.tenant_id, webhook_id)
        await audit(
            connection,
            caller,
            "webhook.deleted",
            f"webhook:{webhook_id}",
            before=asdict(before.settings),
        )
    return no_content()


async def _close_breaker(connection: Connection, webhook: StoredWebhook) -> None:
    """Let what an open breaker holds back try at once: a replacement may have mended the cause."""
    breakers = CircuitBreakers(connection)
    if await breakers.close(webhook.tenant_id, webhook.webhook_id):
        await breakers.release(webhook.tenant_id, webhook.webhook_id, limit=_RELEASED_AT_ONCE)


async def _parsed(services: Services, caller: Caller, body: object) -> WebhookInput:
    async with services.transaction(caller) as connection:
        entries = CatalogEntries(connection)
        workflows = [entry.name for entry in await entries.list_workflows()]
        catalogue = Catalogue(await entries.list_actions(), workflows)
    return parse_webhook(body, catalogue)


def _secret_of_new(wanted: WebhookInput) -> Secret | None:
    if wanted.settings.auth_type in WITHOUT_SECRET:
        return None
    return wanted.secret or new_secret()


async def _change_secret(
    keeper: SecretKeeper, before: StoredWebhook, wanted: WebhookInput
) -> Secret | None:
    """Store the secret that a replacement asks for, and return it; None where it stays."""
    if wanted.settings.auth_type in WITHOUT_SECRET:
        await keeper.delete_all(before.tenant_id, before.webhook_id)
        return None
    if wanted.settings.auth_type == before.settings.auth_type and wanted.secret is None:
        return None
    secret = wanted.secret or new_secret()
    await keeper.replace(before.tenant_id, before.webhook_id, secret)
    return secret
