"""The demo tenant's webhooks, and events as their senders would send them."""

import hashlib
import hmac
import json
from typing import Any
from uuid import uuid4

from deploy.local import demo_workflow

TENANT_SLUG = "demo"
CLIENT_NAME = "Northwind"
CLIENT_EXTERNAL_ID = "org-1001"


def rmm_webhook(secret: str, *, slug: str = "rmm-device-updates") -> dict[str, Any]:
    """Return a webhook for device updates of a remote-monitoring agent."""
    return {
        "name": "RMM device updates",
        "slug": slug,
        "auth_type": "hmac_sha256",
        "auth_config": {"signature_header": "X-RMM-Signature", "secret": secret},
        "idempotency_source": {"type": "jsonata", "value": "event.id"},
        "handler_type": "direct_action",
        "handler_config": {
            "action": "upsertAssetByExternalId",
            "field_mapping": {
                "external_id": "device.id",
                "client_external_id": "organization.id",
                "asset_type": "'workstation'",
                "name": "device.hostname",
                "status": "device.status",
                "rmm_snapshot": "$",
            },
        },
        "rate_limit_per_minute": 60,
        "is_active": True,
    }


def github_webhook(secret: str, *, slug: str = "github-events") -> dict[str, Any]:
    """Return a webhook that takes GitHub's events and keeps each repository as an asset."""
    return {
        "name": "GitHub events",
        "slug": slug,
        "auth_type": "hmac_sha256",
        "auth_config": {"signature_header": "X-Hub-Signature-256", "secret": secret},
        "idempotency_source": {"type": "header", "value": "X-GitHub-Delivery"},
        "handler_type": "direct_action",
        "handler_config": {
            "action": "upsertAssetByExternalId",
            "field_mapping": {
                "external_id": "repository.node_id",
                "asset_type": "'repository'",
                "name": "repository.full_name",
                "status": "repository.visibility",
                "location": "repository.html_url",
            },
        },
        "rate_limit_per_minute": 600,
        "is_active": True,
    }


def workflow_webhook(token: str, *, slug: str) -> dict[str, Any]:
    """Return a webhook that starts the demo's workflow for each alert."""
    return {
        "name": "Alerts",
        "slug": slug,
        "auth_type": "bearer",
        "auth_config": {"token": token},
        "handler_type": "workflow",
        "handler_config": {"workflow": demo_workflow.NAME},
        "is_active": True,
    }


def device_event(
    event_id: str | None = None, *, hostname: str = "ws-042", device_id: str = "device-42"
) -> bytes:
    """Return the body of a device update; each has an event id of its own unless named."""
    return json.dumps(
        {
            "event": {"id": event_id or f"evt-{uuid4()}", "type": "device.updated"},
            "organization": {"id": CLIENT_EXTERNAL_ID},
            "device": {"id": device_id, "hostname": hostname, "status": "online"},
        },
        separators=(",", ":"),
    ).encode()


def push_event(repository: str = "northwind/shop") -> bytes:
    """Return the body of a GitHub push, cut down to what the example maps."""
    return json.dumps(
        {
            "ref": "refs/heads/main",
            "repository": {
                "node_id": "R_" + hashlib.sha256(repository.encode()).hexdigest()[:12],
                "full_name": repository,
                "visibility": "private",
                "html_url": f"https://github.com/{repository}",
            },
        },
        separators=(",", ":"),
    ).encode()


def signature(secret: str, body: bytes) -> str:
    """Return the hex HMAC-SHA256 of a body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
