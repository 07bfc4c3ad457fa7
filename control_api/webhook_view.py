"""One webhook with its sample and breaker, as every route on a single webhook answers it."""

from typing import Any
from uuid import UUID

from control_api.presentation import breaker_content, sample_content, webhook_content
from shared.database.pool import Connection
from shared.ledger.circuit_breakers import CircuitBreakers
from shared.ledger.samples import Samples
from shared.ledger.webhooks import Webhooks


async def webhook_view(
    connection: Connection, tenant_id: UUID, webhook_id: UUID, *, gateway_url: str
) -> dict[str, Any]:
    """Return a webhook; a sample that is waited for is first looked for in the ledger.

    Raises:
        NotFound: It is not this tenant's, or deleted.
    """
    webhooks, samples = Webhooks(connection), Samples(connection)
    webhook = await webhooks.get(tenant_id, webhook_id)
    if webhook.sample_armed:
        await samples.capture_armed(tenant_id, webhook_id)
        webhook = await webhooks.get(tenant_id, webhook_id)
    sample = await samples.find(tenant_id, webhook_id)
    breaker = await CircuitBreakers(connection).get(tenant_id, webhook_id)
    content = webhook_content(webhook, gateway_url=gateway_url)
    return content | {
        "sample": None if sample is None else sample_content(sample),
        "circuit_breaker": breaker_content(breaker),
    }
