"""A webhook's configuration as frozen values, and the rules that hold for it everywhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never
from uuid import UUID

from shared.domain.identifiers import TenantId, WebhookId
from shared.domain.retry import RetryPolicy

SLUG_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
MIN_SECRET_LENGTH = 16
MAX_RATE_LIMIT_PER_MINUTE = 60_000
MAX_IDEMPOTENCY_WINDOW_SECONDS = 2_592_000  # 30 days

#: The stored names of the classes of ``Auth``.
AuthTypeName = Literal["hmac_sha256", "bearer", "ip_allowlist", "path_token", "signature"]

#: Names of bundled integrations; a webhook of that name would be mistaken for one.
RESERVED_SLUGS = frozenset(
    {
        "connectwise-automate",
        "datto",
        "entra",
        "entra-id",
        "google",
        "hudu",
        "huntress",
        "levelio",
        "microsoft",
        "microsoft-graph",
        "ninjaone",
        "qbo",
        "quickbooks-csv",
        "quickbooks-desktop",
        "quickbooks-online",
        "tacticalrmm",
        "tactical-rmm",
        "tanium",
        "xero",
        "xero-csv",
    }
)


@dataclass(frozen=True, slots=True)
class HmacAuth:
    """Hex HMAC-SHA256 of the raw body in a header, with or without the prefix ``sha256=``."""

    signature_header: str


@dataclass(frozen=True, slots=True)
class BearerAuth:
    """A token in ``Authorization: Bearer``."""


@dataclass(frozen=True, slots=True)
class IpAllowlistAuth:
    """Source networks, IPv4 or IPv6."""

    ip_cidrs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PathTokenAuth:
    """A token in a query parameter."""

    query_param: str


@dataclass(frozen=True, slots=True)
class SignatureAuth:
    """A signature as a known sender makes it; ``shared/signatures/presets.py`` has the senders."""

    preset: str
    #: How far from now a signed time may be; None: as the preset has it.
    tolerance_seconds: int | None = None
    #: Under which address the sender knows the webhook, where it signs that.
    public_url: str | None = None


Auth = HmacAuth | BearerAuth | IpAllowlistAuth | PathTokenAuth | SignatureAuth


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """The key is the value of a request header."""

    header: str


@dataclass(frozen=True, slots=True)
class ExpressionKey:
    """The key is a JSONata expression over the body."""

    expression: str


IdempotencySource = HeaderKey | ExpressionKey


@dataclass(frozen=True, slots=True)
class Ordering:
    """Deliveries are handled one at a time, in the order of their acceptance."""

    #: What tells lines of deliveries apart; None: all of the webhook's are one line.
    source: HeaderKey | ExpressionKey | None


@dataclass(frozen=True, slots=True)
class DirectAction:
    """Run a registered action with fields taken from the body."""

    action: str
    #: Target field to JSONata expression over the body.
    field_mapping: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WorkflowStart:
    """Start a registered workflow with the verified envelope."""

    workflow: str


Handler = DirectAction | WorkflowStart


@dataclass(frozen=True, slots=True)
class Webhook:
    """What gateway and worker need to know of one webhook."""

    tenant_id: TenantId
    webhook_id: WebhookId
    tenant_slug: str
    slug: str
    auth: Auth
    idempotency: IdempotencySource | None
    idempotency_window_seconds: int
    handler: Handler
    rate_limit_per_minute: int
    is_active: bool
    #: Grows by one with each change.
    version: int
    #: None: the worker's default.
    retry_policy: RetryPolicy | None = None
    #: None: in any order, many at a time.
    ordering: Ordering | None = None


def auth_from_config(auth_type: str, config: Mapping[str, Any]) -> Auth:
    """Return the typed form of stored ``auth_type`` and ``auth_config``.

    Raises:
        ValueError: The type is unknown or a key is missing.
    """
    try:
        match auth_type:
            case "hmac_sha256":
                return HmacAuth(signature_header=config["signature_header"])
            case "bearer":
                return BearerAuth()
            case "ip_allowlist":
                return IpAllowlistAuth(ip_cidrs=tuple(config["ip_cidrs"]))
            case "path_token":
                return PathTokenAuth(query_param=config.get("query_param", "token"))
            case "signature":
                return SignatureAuth(preset=config["preset"], **config.get("options", {}))
            case _:
                raise ValueError(f"unknown auth_type {auth_type!r}")
    except KeyError as error:
        raise ValueError(f"auth_config of {auth_type} lacks {error}") from error


def auth_type_of(auth: Auth) -> AuthTypeName:
    """Return the stored name of a typed auth."""
    match auth:
        case HmacAuth():
            return "hmac_sha256"
        case BearerAuth():
            return "bearer"
        case IpAllowlistAuth():
            return "ip_allowlist"
        case PathTokenAuth():
            return "path_token"
        case SignatureAuth():
            return "signature"
        case _:
            assert_never(auth)


def idempotency_from_config(config: Mapping[str, Any] | None) -> IdempotencySource | None:
    """Return the typed form of a stored ``idempotency_source``.

    Raises:
        ValueError: The type is unknown.
    """
    return None if config is None else _key_source(config)


def ordering_from_config(config: Mapping[str, Any] | None) -> Ordering | None:
    """Return the typed form of a stored ``ordering``; None where there is no order.

    Raises:
        ValueError: A type is unknown.
    """
    match None if config is None else config["type"]:
        case None | "none":
            return None
        case "webhook":
            return Ordering(source=None)
        case "key" if config is not None:
            return Ordering(source=_key_source(config["source"]))
        case other:
            raise ValueError(f"unknown ordering {other!r}")


def ordering_key_of(webhook_id: UUID, key: str | None) -> str:
    """Return the ordering key of a delivery.

    One whose key could not be taken is in a line with the others of its webhook without a key.
    """
    return str(webhook_id) if key is None else f"{webhook_id}:{key}"


def _key_source(config: Mapping[str, Any]) -> HeaderKey | ExpressionKey:
    match config["type"]:
        case "header":
            return HeaderKey(header=config["value"].lower())
        case "jsonata":
            return ExpressionKey(expression=config["value"])
        case other:
            raise ValueError(f"unknown key source {other!r}")


def handler_from_config(handler_type: str, config: Mapping[str, Any]) -> Handler:
    """Return the typed form of stored ``handler_type`` and ``handler_config``.

    Raises:
        ValueError: The type is unknown or a key is missing.
    """
    try:
        match handler_type:
            case "direct_action":
                return DirectAction(config["action"], dict(config.get("field_mapping", {})))
            case "workflow":
                return WorkflowStart(config["workflow"])
            case _:
                raise ValueError(f"unknown handler_type {handler_type!r}")
    except KeyError as error:
        raise ValueError(f"handler_config of {handler_type} lacks {error}") from error
