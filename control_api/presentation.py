"""How things of the ledger look in answers."""

import base64
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import orjson

from shared.domain.delivery import parse_header_block
from shared.domain.event_type import event_type_of
from shared.ledger.circuit_breakers import BreakerState
from shared.ledger.deliveries import DeliverySummary, RecordedAttempt, RecordedDelivery
from shared.ledger.samples import Sample
from shared.ledger.webhooks import StoredWebhook
from shared.ledger.workflow_runs import RecordedRun

#: Of a delivery: what answers call otherwise, or show by other functions.
_NOT_SHOWN = frozenset(
    {
        "tenant_id",
        "webhook_id",
        "source_address",
        "handler_outcome",
        "request_headers",
        "request_body",
        "written_by",
    }
)


def webhook_content(webhook: StoredWebhook, *, gateway_url: str) -> dict[str, Any]:
    """Return a webhook as it may be sent back, with what is read-only; secrets are not in it."""
    settings = webhook.settings
    return {
        "inbound_webhook_id": webhook.webhook_id,
        "tenant": webhook.tenant_id,
        "receiver_url": receiver_url(webhook, gateway_url),
        **asdict(settings),
        "auth_config": {"type": settings.auth_type, **settings.auth_config},
        "handler_config": {"type": settings.handler_type, **settings.handler_config},
        "auto_disabled_at": webhook.auto_disabled_at,
        "sample_capture_expires_at": webhook.sample_expires_at,
        "version": webhook.version,
        "created_by": webhook.created_by,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }


def receiver_path(webhook: StoredWebhook) -> str:
    """Return the path at which senders reach a webhook."""
    return f"/api/inbound/{webhook.tenant_slug}/{webhook.settings.slug}"


def receiver_url(webhook: StoredWebhook, gateway_url: str) -> str:
    """Return the address at which senders reach a webhook."""
    return gateway_url.rstrip("/") + receiver_path(webhook)


def breaker_content(breaker: BreakerState) -> dict[str, Any]:
    """Return how a circuit breaker stands."""
    return {
        "state": breaker.state,
        "consecutive_failures": breaker.failures,
        "opened_at": breaker.opened_at,
        "next_probe_at": breaker.probe_at,
    }


def sample_content(sample: Sample) -> dict[str, Any]:
    """Return a sample."""
    body, encoding = body_content(sample.body)
    return {
        "delivery_id": sample.delivery_id,
        "headers": headers_content(sample.headers),
        "body": body,
        "body_encoding": encoding,
        "captured_at": sample.captured_at,
    }


def delivery_summary_content(delivery: DeliverySummary) -> dict[str, Any]:
    """Return a delivery without its headers and body."""
    outcome = delivery.handler_outcome
    # asdict() would copy every value deeply: a third of a list's time.
    plain = {
        field.name: getattr(delivery, field.name)
        for field in fields(delivery)
        if field.name not in _NOT_SHOWN
    }
    return plain | {
        "tenant": delivery.tenant_id,
        "inbound_webhook_id": delivery.webhook_id,
        "source_ip": delivery.source_address,
        "handler_outcome": None if outcome is None else orjson.Fragment(outcome),
    }


def delivery_content(
    delivery: RecordedDelivery,
    attempts: Sequence[RecordedAttempt] = (),
    run: RecordedRun | None = None,
) -> dict[str, Any]:
    """Return a delivery with all that was received, each attempt and its workflow's run."""
    headers = headers_content(delivery.request_headers)
    body, encoding = body_content(delivery.request_body)
    return delivery_summary_content(delivery) | {
        "event_type": event_type_of(delivery.request_headers, delivery.request_body),
        "request_body_bytes": (
            None if delivery.request_body is None else len(delivery.request_body)
        ),
        "user_agent": headers.get("user-agent"),
        "request_headers": headers,
        "request_body": body,
        "request_body_encoding": encoding,
        "attempts": [
            asdict(attempt) | {"outcome": orjson.Fragment(attempt.outcome)} for attempt in attempts
        ],
        "workflow_run": None if run is None else _run_content(run),
    }


def _run_content(run: RecordedRun) -> dict[str, Any]:
    result = None if run.result is None else orjson.Fragment(run.result)
    return asdict(run) | {"result": result}


def headers_content(block: bytes) -> dict[str, str]:
    """Return headers by name; repeated ones joined as RFC 9110 section 5.3 allows."""
    headers: dict[str, str] = {}
    for name, value in parse_header_block(block):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def body_content(body: bytes | None) -> tuple[object, str | None]:
    """Return a body for showing, and its encoding: json, text or base64.

    JSON is passed on byte for byte: reading and writing it anew would change large numbers.
    """
    if body is None:
        return None, None
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return _raw_content(body)
    return orjson.Fragment(body), "json"


def _raw_content(body: bytes) -> tuple[object, str]:
    try:
        return {"raw": body.decode()}, "text"
    except UnicodeDecodeError:
        return {"raw": base64.b64encode(body).decode()}, "base64"
