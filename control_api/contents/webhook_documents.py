"""Documents of webhooks, and what an import of one does, in answers."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from control_api.contents.audit_events import Changes
from control_api.contents.envelope import Content

_EXAMPLE = {
    "name": "RMM device updates",
    "slug": "rmm-device-updates",
    "auth_type": "hmac_sha256",
    "auth_config": {"signature_header": "X-RMM-Signature"},
    "handler_type": "direct_action",
    "handler_config": {
        "action": "upsertAssetByExternalId",
        "field_mapping": {"external_id": "device.id"},
    },
}


class WebhookDocument(Content):
    """All webhooks of a tenant, without secrets."""

    format: Literal["postern.webhooks/1"]
    webhooks: list[dict[str, Any]] = Field(
        description="Each as a body of PUT, sorted by slug.", examples=[[_EXAMPLE]]
    )


class ImportCounts(Content):
    """How many webhooks an import treats in which way."""

    create: int = Field(examples=[1])
    update: int = Field(examples=[0])
    unchanged: int = Field(examples=[7])
    delete: int = Field(examples=[0])


class ImportStep(Content):
    """What an import does with one webhook."""

    slug: str = Field(examples=["rmm-device-updates"])
    action: Literal["create", "update", "unchanged", "delete"]
    inbound_webhook_id: UUID | None = Field(description="null: there is none yet.")
    changes: Changes | None = Field(description="What differs, where it is updated.")
    awaits_secret: bool = Field(
        description="Whether it refuses every request until it is given, with PATCH or "
        "rotate-secret, the secret that its sender makes.",
        examples=[False],
    )


class ImportSecret(Content):
    """The secret of a webhook that was created, in clear, this one time."""

    slug: str = Field(examples=["rmm-device-updates"])
    secret: str = Field(examples=["R0cM2mV3s1nTq8wKx5uYb7zA4dE6fG9h"])


class Import(Content):
    """What an import does, or did."""

    is_applied: bool
    counts: ImportCounts
    webhooks: list[ImportStep]
    secrets: list[ImportSecret]
