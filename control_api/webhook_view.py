"""One webhook with its sample and breaker, as every route on a single webhook answers it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from starlette.responses import Response

from control_api.answers import answer, encoded, not_modified
from control_api.preconditions import KnownAnswer, entity_tag
from control_api.presentation import breaker_content, sample_content, webhook_content
from shared.database.pool import Connection
from shared.ledger.circuit_breakers import CircuitBreakers
from shared.ledger.samples import Sample, Samples
from shared.ledger.webhooks import Webhooks

#: Of a larger one the body is shown under /samples alone.
_MAX_SHOWN_SAMPLE_BYTES = 256 * 1024


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
    sample = await samples.find_latest(tenant_id, webhook_id)
    breaker = await CircuitBreakers(connection).get(tenant_id, webhook_id)
    content = webhook_content(webhook, gateway_url=gateway_url)
    return content | {
        "sample": None if sample is None else _shown_sample(sample),
        "circuit_breaker": breaker_content(breaker),
    }


def _shown_sample(sample: Sample) -> dict[str, Any]:
    """Return a sample; a large body is left out, so that the webhook can be sent back as it is."""
    content = sample_content(sample)
    if len(sample.body) <= _MAX_SHOWN_SAMPLE_BYTES:
        return content
    return content | {"body": None, "body_encoding": None}


def webhook_answer(
    view: Mapping[str, Any],
    *,
    status: int = 200,
    beside: Mapping[str, Any] | None = None,
    known: KnownAnswer | None = None,
) -> Response:
    """Return ``{"data": view}`` with its ETag, or 304 where the caller knows it.

    ``beside`` is answered beside ``data``, and counts for nothing in the tag.
    """
    content = encoded(view)
    tag = entity_tag(view["version"], content)
    if known is not None and known.is_current(tag):
        return not_modified(tag)
    document = {"data": orjson.Fragment(content), **(beside or {})}
    return answer(document, status=status, headers={"etag": tag})
