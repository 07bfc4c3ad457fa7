"""What requests hold, as typed dictionaries. Written by `make client` from docs/openapi.json."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict
from uuid import UUID


class ApiKeyBody(TypedDict):
    """What may be set of an API key."""

    name: str
    permissions: list[Literal["create", "read", "update", "delete", "replay", "admin"]]
    expires_at: NotRequired[datetime | str | None]
    rate_limit_per_minute: NotRequired[int | None]


class CaptureBody(TypedDict):
    """How to wait for a sample."""

    window_seconds: NotRequired[int]
    name: NotRequired[str | None]


class ClientBody(TypedDict):
    """A client."""

    name: str


class CloneBody(TypedDict):
    """How a copy differs; what is left out is made up or taken over."""

    name: NotRequired[str | None]
    slug: NotRequired[str | None]
    is_active: NotRequired[bool | None]
    #: The copy's own; left out, one is made up where the sender takes any.
    secret: NotRequired[str | None]


class EvaluateBody(TypedDict):
    """An expression and what it is evaluated on: a payload, a delivery's body.

    Or a sample's.
    """

    expression: str
    payload: NotRequired[Any]
    delivery_id: NotRequired[UUID | str | None]
    webhook_id: NotRequired[UUID | str | None]
    sample_id: NotRequired[UUID | str | None]
    deterministic: NotRequired[bool]


class ExternalMappingBody(TypedDict):
    """What an external id stands for."""

    entity_type: str
    external_id: str
    entity_id: UUID | str
    realm: NotRequired[str]


class FirstKeyBody(TypedDict):
    """A key with every permission, for a tenant that has none or has lost it."""

    name: NotRequired[str]


class ForwardSecretBody(TypedDict):
    """How to exchange the secret that signs a webhook's forwards."""

    #: whsec_ and base64 of 24 to 64 bytes; one is made up where it is left out.
    secret: NotRequired[str | None]
    #: How long what signed before signs too; 0 ends it at once.
    overlap_seconds: NotRequired[int]


class KeySourceBody(TypedDict):
    """Where a request's idempotency key or ordering key is found."""

    type: Literal["header", "jsonata"]
    value: str


class OneReplayBody(TypedDict):
    """How to replay one delivery."""

    dry_run: NotRequired[bool]


class OrderingBody(TypedDict):
    """In which order deliveries are handled: any, one by one, or one by one for each key."""

    type: Literal["none", "webhook", "key"]
    source: NotRequired[KeySourceBody | None]


class ReplayBody(TypedDict):
    """Which deliveries to replay; times without a zone are UTC."""

    status: NotRequired[Literal["failed", "dispatched"]]
    date_from: NotRequired[datetime | str | None]
    date_to: NotRequired[datetime | str | None]
    code: NotRequired[str | None]
    limit: NotRequired[int]


class ReplayJobBody(TypedDict):
    """Which deliveries to replay, how many at most and how fast.

    Times without a zone are UTC.
    """

    #: null: deliveries of all webhooks.
    inbound_webhook_id: NotRequired[UUID | str | None]
    status: NotRequired[Literal["failed", "dispatched"]]
    date_from: NotRequired[datetime | str | None]
    date_to: NotRequired[datetime | str | None]
    idempotency_key: NotRequired[str | None]
    external_id: NotRequired[str | None]
    event_type: NotRequired[str | None]
    source_ip: NotRequired[str | None]
    outcome: NotRequired[str | None]
    is_test: NotRequired[bool | None]
    is_replay: NotRequired[bool | None]
    text: NotRequired[str | None]
    limit: NotRequired[int]
    per_second: NotRequired[float]


class ReplayPlanBody(TypedDict):
    """The same, to be planned alone."""

    #: null: deliveries of all webhooks.
    inbound_webhook_id: NotRequired[UUID | str | None]
    status: NotRequired[Literal["failed", "dispatched"]]
    date_from: NotRequired[datetime | str | None]
    date_to: NotRequired[datetime | str | None]
    idempotency_key: NotRequired[str | None]
    external_id: NotRequired[str | None]
    event_type: NotRequired[str | None]
    source_ip: NotRequired[str | None]
    outcome: NotRequired[str | None]
    is_test: NotRequired[bool | None]
    is_replay: NotRequired[bool | None]
    text: NotRequired[str | None]
    limit: NotRequired[int]
    per_second: NotRequired[float]
    dry_run: NotRequired[bool]


class RetryPolicyBody(TypedDict):
    """How often and how far apart attempts are made; what is left out has its default."""

    max_attempts: NotRequired[int]
    first_delay_seconds: NotRequired[float]
    factor: NotRequired[float]
    max_delay_seconds: NotRequired[float]
    jitter: NotRequired[Literal["full", "none"]]


class RotateBody(TypedDict):
    """How to rotate a secret."""

    overlap_seconds: NotRequired[int]
    #: The new secret; left out, one is made up where the sender takes any.
    secret: NotRequired[str | None]


class SampleNameBody(TypedDict):
    """The name of a sample."""

    name: str


class TenantBody(TypedDict):
    """A new tenant."""

    slug: str
    name: str


class TenantChangeBody(TypedDict):
    """What may be changed of a tenant; what is left out stays."""

    name: NotRequired[str | None]
    is_active: NotRequired[bool | None]


class TrialBody(TypedDict):
    """A made-up request."""

    body: NotRequired[Any]
    headers: NotRequired[dict[str, Any]]
    dry_run: NotRequired[bool]


class WebhookBody(TypedDict):
    """A webhook; the two configs are judged by the models of their types."""

    name: str
    slug: str
    description: NotRequired[str | None]
    auth_type: Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"]
    auth_config: NotRequired[dict[str, Any]]
    idempotency_source: NotRequired[KeySourceBody | None]
    idempotency_window_seconds: NotRequired[int]
    handler_type: Literal["direct_action", "workflow"]
    handler_config: NotRequired[dict[str, Any]]
    rate_limit_per_minute: NotRequired[int]
    is_active: NotRequired[bool]
    retry_policy: NotRequired[RetryPolicyBody | None]
    ordering: NotRequired[OrderingBody | None]


class WebhookDocument(TypedDict):
    """All webhooks of a tenant, without secrets."""

    format: Literal["postern.webhooks/1"]
    #: Each as a body of PUT, sorted by slug.
    webhooks: list[dict[str, Any]]


class WebhookPatchBody(TypedDict):
    """A JSON Merge Patch (RFC 7396) of a webhook.

    The whole that it leads to is what is judged.
    """
