"""Webhooks in answers."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content
from control_api.schemas import KeySourceBody, OrderingBody, RetryPolicyBody
from shared.domain.webhook import AuthTypeName


class HmacAuth(Content):
    """auth_config of hmac_sha256."""

    type: Literal["hmac_sha256"]
    signature_header: str = Field(examples=["X-Signature"])


class BearerAuth(Content):
    """auth_config of bearer."""

    type: Literal["bearer"]


class PathTokenAuth(Content):
    """auth_config of path_token."""

    type: Literal["path_token"]
    query_param: str = Field(examples=["token"])


class IpAllowlistAuth(Content):
    """auth_config of ip_allowlist."""

    type: Literal["ip_allowlist"]
    ip_cidrs: list[str] = Field(examples=[["203.0.113.0/24"]])


class SignatureOptions(Content):
    """How a webhook differs from its preset; what is absent is as the preset has it."""

    tolerance_seconds: int | None = Field(
        default=None,
        description="How far from now a signed time may be, before and after.",
        examples=[600],
    )
    public_url: str | None = Field(
        default=None,
        description="Under which address the sender knows the webhook.",
        examples=["https://hooks.example.com/api/inbound/acme/payments"],
    )


class SignatureAuth(Content):
    """auth_config of signature."""

    type: Literal["signature"]
    preset: str = Field(description="The name of a known sender.", examples=["stripe"])
    options: SignatureOptions


class DirectAction(Content):
    """handler_config of direct_action."""

    type: Literal["direct_action"]
    action: str = Field(examples=["upsertAssetByExternalId"])
    field_mapping: dict[str, str] = Field(
        description="JSONata expressions by target field.",
        examples=[{"external_id": "device.id", "name": "device.hostname"}],
    )


class Workflow(Content):
    """handler_config of workflow."""

    type: Literal["workflow"]
    workflow: str = Field(examples=["triage-critical-alert"])


class Sample(Content):
    """A captured request."""

    delivery_id: UUID
    headers: dict[str, str] = Field(examples=[{"content-type": "application/json"}])
    body: Any = Field(examples=[{"device": {"id": "d-17", "hostname": "front-desk"}}])
    body_encoding: Literal["json", "text", "base64"] | None
    captured_at: datetime


class CircuitBreaker(Content):
    """How a webhook's circuit breaker stands."""

    state: Literal["closed", "open", "half_open"]
    consecutive_failures: int
    opened_at: datetime | None
    next_probe_at: datetime | None


class WebhookSummary(Content):
    """A webhook in a list. Secrets are never in it; what is read-only is passed over by PUT."""

    inbound_webhook_id: UUID
    tenant: UUID = Field(description="Id of the tenant.")
    receiver_url: str = Field(
        description="Where senders reach the webhook.",
        examples=["https://hooks.example.com/api/inbound/acme/rmm-device-updates"],
    )
    name: str = Field(examples=["RMM device updates"])
    slug: str = Field(examples=["rmm-device-updates"])
    description: str | None = Field(examples=["Devices of all sites"])
    auth_type: AuthTypeName
    auth_config: Annotated[
        HmacAuth | BearerAuth | IpAllowlistAuth | PathTokenAuth | SignatureAuth,
        Field(discriminator="type"),
    ]
    idempotency_source: KeySourceBody | None
    idempotency_window_seconds: int = Field(examples=[86_400])
    handler_type: Literal["direct_action", "workflow"]
    handler_config: Annotated[DirectAction | Workflow, Field(discriminator="type")]
    rate_limit_per_minute: int = Field(examples=[600])
    is_active: bool = Field(examples=[True])
    retry_policy: RetryPolicyBody | None
    ordering: OrderingBody | None
    auto_disabled_at: datetime | None
    sample_capture_expires_at: datetime | None = Field(
        description="Until when the next accepted request is kept as a sample."
    )
    version: int = Field(description="Grows with every change.", examples=[1])
    created_by: UUID | None = Field(description="Id of the API key that created it.")
    created_at: datetime
    updated_at: datetime


class Webhook(WebhookSummary):
    """A webhook with its sample and its circuit breaker."""

    sample: Sample | None
    circuit_breaker: CircuitBreaker


class WebhookSecret(Content):
    """What may be known of a secret; its value may not."""

    secret_id: UUID
    created_at: datetime
    valid_until: datetime | None = Field(description="null: until it is replaced.")
    last_used_at: datetime | None = Field(
        description="When it last verified a request; late by a minute or so."
    )
    is_live: bool = Field(examples=[True])
