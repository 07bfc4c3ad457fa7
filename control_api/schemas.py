"""The bodies that the API accepts, as far as a body can be judged by itself."""

import ipaddress
import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from control_api.expression_checks import Checked
from control_api.moments import LastMoment, Moment
from shared.domain.retry import (
    MAX_ATTEMPTS,
    MAX_DELAY_SECONDS,
    MAX_FACTOR,
    Jitter,
    RetryPolicy,
)
from shared.domain.webhook import (
    MAX_IDEMPOTENCY_WINDOW_SECONDS,
    MAX_RATE_LIMIT_PER_MINUTE,
    MIN_SECRET_LENGTH,
    RESERVED_SLUGS,
    SLUG_PATTERN,
    AuthTypeName,
)
from shared.errors import ExpressionError
from shared.ledger.deliveries import DeliveryFilter
from shared.signatures.signing_secrets import parse_secret

#: What Unicode calls white space, without the separators that are control characters.
_WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_MAX_MAPPED_FIELDS = 100
MAX_REPLAYS = 1000
_DEFAULTS = RetryPolicy()


def _trimmed(text: str) -> str:
    """Take white space away after lengths were checked, so that they are those of the document."""
    return text.strip(_WHITE)


def _trimmed_name(text: str) -> str:
    if not (name := _trimmed(text)):
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return name


def _printable(text: str) -> str:
    if any(character < " " and character not in "\t\r\n" for character in text):
        raise PydanticCustomError("no_control_characters", "Leave out control characters")
    return text


def _single_line(text: str) -> str:
    if any(character < " " or character == "\x7f" for character in text):
        raise PydanticCustomError("no_control_characters", "Leave out control characters")
    return text


def _slug(text: str) -> str:
    if not SLUG_PATTERN.fullmatch(text):
        raise PydanticCustomError(
            "pattern",
            "Use 1 to 64 lower-case letters, digits and inner hyphens, as in rmm-device-updates",
        )
    if text.replace("_", "-") in RESERVED_SLUGS:
        raise PydanticCustomError("reserved", "This slug is the name of a bundled integration")
    return text


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise PydanticCustomError(
            "header_name", "Use 1 to 128 characters that a header name may have (RFC 9110)"
        )
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise PydanticCustomError(
            "network", "Not an IPv4 or IPv6 network: {reason}", {"reason": _reason(text, error)}
        ) from None
    return text


def _reason(text: str, error: ValueError) -> str:
    try:
        return f"{error}; did you mean {ipaddress.ip_network(text, strict=False)}?"
    except ValueError:
        return str(error)


def _expression(text: str, info: ValidationInfo) -> str:
    return _checked(text, info, is_deterministic=False)


def _checked(text: str, info: ValidationInfo, *, is_deterministic: bool) -> str:
    _printable(text)
    checked = info.context if isinstance(info.context, Checked) else Checked()
    try:
        checked.demand(text, is_deterministic=is_deterministic)
    except ExpressionError as error:
        raise PydanticCustomError(
            "expression",
            "{reason} (at character {position})",
            {"reason": str(error), "position": error.position},
        ) from None
    return text


def _ascii_token(text: str) -> str:
    if not all("!" <= character <= "~" for character in text):
        raise PydanticCustomError("characters", "Use visible ASCII characters without spaces")
    return text


def shown(example: object, **schema: Any) -> Any:
    """Show an example and, in terms of JSON schema, what a validator of ours checks."""
    return Field(examples=[example], json_schema_extra=schema)


#: What control characters the validators above refuse, as a pattern.
_SINGLE_LINE = r"[^\u0000-\u001f\u007f]*"
_PRINTABLE = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f]*"


def _padded(pattern: str) -> str:
    """Return the pattern of a text from whose ends white space is taken away."""
    return rf"^\s*{pattern}\s*$"


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(_trimmed_name),
    AfterValidator(_single_line),
    shown("RMM device updates", pattern=_padded(_SINGLE_LINE)),
]
Slug = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_slug),
    shown(
        "rmm-device-updates",
        pattern=_padded(SLUG_PATTERN.pattern),
        **{"not": {"enum": sorted(RESERVED_SLUGS)}},
    ),
]
Description = Annotated[
    str,
    StringConstraints(max_length=2000),
    AfterValidator(_trimmed),
    AfterValidator(_printable),
    shown("Devices of all sites", pattern=_padded(_PRINTABLE)),
]
HeaderName = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_header_name),
    shown("X-Signature", pattern=_padded(_HEADER_NAME.pattern)),
]
#: Stored in lines: a line break in it would be another header.
HeaderValue = Annotated[
    str,
    StringConstraints(max_length=8192),
    AfterValidator(_trimmed),
    AfterValidator(_single_line),
    shown("application/json", pattern=_padded(_SINGLE_LINE)),
]
QueryParameter = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{1,64}$"), shown("token")
]
Network = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(_network),
    shown("203.0.113.0/24"),
]
Expression = Annotated[
    str, StringConstraints(min_length=1), AfterValidator(_expression), shown("device.id")
]
Word = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(_printable),
    shown("upsertAssetByExternalId", pattern=f"^{_PRINTABLE}$"),
]
SecretText = Annotated[
    str,
    StringConstraints(min_length=MIN_SECRET_LENGTH, max_length=1024),
    AfterValidator(_printable),
    shown("replace-with-shared-secret", pattern=f"^{_PRINTABLE}$"),
]
TokenText = Annotated[
    SecretText, AfterValidator(_ascii_token), shown("replace-with-token", pattern="^[!-~]+$")
]


def _with_example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Body(BaseModel):
    """A body: unknown fields are refused, and no text passes for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class KeySourceBody(Body):
    """Where a request's idempotency key or ordering key is found."""

    model_config = _with_example({"type": "jsonata", "value": "event.id"})

    type: Literal["header", "jsonata"]
    value: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1), shown("event.id")
    ]

    @field_validator("value")
    @classmethod
    def _fits_type(cls, value: str, info: ValidationInfo) -> str:
        match info.data.get("type"):
            case "header":
                return _header_name(value)
            case "jsonata":
                return _checked(value, info, is_deterministic=True)
            case _:
                return value


class OrderingBody(Body):
    """In which order deliveries are handled: any, one by one, or one by one for each key."""

    model_config = _with_example(
        {"type": "key", "source": {"type": "jsonata", "value": "device.id"}}
    )

    type: Literal["none", "webhook", "key"]
    source: KeySourceBody | None = None

    @model_validator(mode="after")
    def _source_fits_type(self) -> "OrderingBody":
        if self.type == "key" and self.source is None:
            raise PydanticCustomError("required", "Say in source where the key is found")
        if self.type != "key" and self.source is not None:
            raise PydanticCustomError("one_of", "A source goes with the type key alone")
        return self


class RetryPolicyBody(Body):
    """How often and how far apart attempts are made; what is left out has its default."""

    max_attempts: int = Field(default=_DEFAULTS.max_attempts, ge=1, le=MAX_ATTEMPTS)
    first_delay_seconds: float = Field(
        default=_DEFAULTS.first_delay_seconds, gt=0, le=MAX_DELAY_SECONDS
    )
    factor: float = Field(default=_DEFAULTS.factor, ge=1, le=MAX_FACTOR)
    max_delay_seconds: float = Field(
        default=_DEFAULTS.max_delay_seconds, gt=0, le=MAX_DELAY_SECONDS
    )
    jitter: Jitter = _DEFAULTS.jitter

    @model_validator(mode="after")
    def _delays_grow(self) -> "RetryPolicyBody":
        if self.first_delay_seconds > self.max_delay_seconds:
            raise PydanticCustomError(
                "minimum", "max_delay_seconds must not be less than first_delay_seconds"
            )
        return self


class WebhookBody(Body):
    """A webhook; the two configs are judged by the models of their types."""

    model_config = _with_example(
        {
            "name": "RMM device updates",
            "slug": "rmm-device-updates",
            "auth_type": "hmac_sha256",
            "auth_config": {"signature_header": "X-RMM-Signature"},
            "idempotency_source": {"type": "jsonata", "value": "event.id"},
            "handler_type": "direct_action",
            "handler_config": {
                "action": "upsertAssetByExternalId",
                "field_mapping": {"external_id": "device.id", "name": "device.hostname"},
            },
            "rate_limit_per_minute": 60,
        }
    )

    name: Name
    slug: Slug
    description: Description | None = None
    auth_type: AuthTypeName
    auth_config: dict[str, Any] = Field(default_factory=dict)
    idempotency_source: KeySourceBody | None = None
    idempotency_window_seconds: int = Field(
        default=86_400, ge=1, le=MAX_IDEMPOTENCY_WINDOW_SECONDS
    )
    handler_type: Literal["direct_action", "workflow"]
    handler_config: dict[str, Any] = Field(default_factory=dict)
    rate_limit_per_minute: int = Field(default=600, ge=1, le=MAX_RATE_LIMIT_PER_MINUTE)
    is_active: bool = True
    retry_policy: RetryPolicyBody | None = None
    ordering: OrderingBody | None = None


class WebhookPatchBody(Body):
    """A JSON Merge Patch (RFC 7396) of a webhook: the whole that it leads to is what is judged."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "description": None,
                    "handler_config": {"field_mapping": {"name": "device.label"}},
                }
            ]
        },
    )


class DirectActionBody(Body):
    """handler_config of direct_action."""

    type: Literal["direct_action"] | None = None
    action: Word
    field_mapping: dict[str, Expression] = Field(
        default_factory=dict, max_length=_MAX_MAPPED_FIELDS
    )


class WorkflowBody(Body):
    """handler_config of workflow."""

    type: Literal["workflow"] | None = None
    workflow: Word


HANDLER_BODIES: dict[str, type[DirectActionBody | WorkflowBody]] = {
    "direct_action": DirectActionBody,
    "workflow": WorkflowBody,
}


class CloneBody(Body):
    """How a copy differs; what is left out is made up or taken over."""

    model_config = _with_example({"name": "Second", "slug": "second", "is_active": False})

    name: Name | None = None
    slug: Slug | None = None
    is_active: bool | None = None
    secret: SecretText | None = Field(
        default=None,
        description="The copy's own; left out, one is made up where the sender takes any.",
    )

    @field_validator("name", "slug", "is_active", "secret")
    @classmethod
    def _given(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("required", "Leave it out rather than null")
        return value


SampleName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(_trimmed_name),
    AfterValidator(_single_line),
    shown("offline", pattern=_padded(_SINGLE_LINE)),
]


class CaptureBody(Body):
    """How to wait for a sample."""

    model_config = _with_example({"window_seconds": 300, "name": "offline"})

    #: How long to wait, up to a day.
    window_seconds: int = Field(default=300, ge=1, le=86_400)
    #: What to keep it as; None: as the one that the next capture replaces.
    name: SampleName | None = None


class SampleNameBody(Body):
    """The name of a sample."""

    name: SampleName


class RotateBody(Body):
    """How to rotate a secret."""

    #: How long the old secrets stay valid; 0 ends them at once.
    overlap_seconds: int = Field(default=0, ge=0, le=604_800)
    secret: SecretText | None = Field(
        default=None,
        description="The new secret; left out, one is made up where the sender takes any.",
    )


def _signing_secret(text: str) -> str:
    try:
        parse_secret(text)
    except ValueError as error:
        reason = {"reason": str(error)}
        raise PydanticCustomError("signing_secret", "It {reason}", reason) from None
    return text


class ForwardSecretBody(Body):
    """How to exchange the secret that signs a webhook's forwards."""

    secret: (
        Annotated[
            str,
            StringConstraints(max_length=128),
            AfterValidator(_signing_secret),
            shown(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                pattern="^(whsec_)?[A-Za-z0-9+/]+={0,2}$",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="whsec_ and base64 of 24 to 64 bytes; one is made up where it is left out.",
    )
    overlap_seconds: int = Field(
        default=0,
        ge=0,
        le=2_592_000,
        description="How long what signed before signs too; 0 ends it at once.",
    )


class TrialBody(Body):
    """A made-up request."""

    model_config = _with_example(
        {"body": {"device": {"id": "d-17"}}, "headers": {"X-Event": "update"}}
    )

    body: Any = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=64)
    #: Only tell what would be done.
    dry_run: bool = False


class EvaluateBody(Body):
    """An expression and what it is evaluated on: a payload, a delivery's body, or a sample's."""

    model_config = _with_example(
        {"expression": "device.id", "payload": {"device": {"id": "d-17"}}}
    )

    expression: Annotated[
        str, StringConstraints(min_length=1), AfterValidator(_printable), shown("device.id")
    ]
    payload: Any = None
    delivery_id: Annotated[UUID, Field(strict=False)] | None = None
    webhook_id: Annotated[UUID, Field(strict=False)] | None = None
    sample_id: Annotated[UUID, Field(strict=False)] | None = None
    #: Whether it has to give the same for the same body every time, as keys have to.
    deterministic: bool = False

    @model_validator(mode="after")
    def _one_payload(self) -> "EvaluateBody":
        given = {"payload", "delivery_id", "sample_id"} & self.model_fields_set
        if len(given) > 1:
            raise PydanticCustomError("one_of", "Give payload, delivery_id or sample_id alone")
        if (self.sample_id is None) != (self.webhook_id is None):
            raise PydanticCustomError("required", "A sample_id goes with its webhook_id")
        return self


class OneReplayBody(Body):
    """How to replay one delivery."""

    model_config = _with_example({"dry_run": False})

    #: Only tell what would be done, and what is different from what was done.
    dry_run: bool = False


class ReplayBody(Body):
    """Which deliveries to replay; times without a zone are UTC."""

    model_config = _with_example({"status": "failed", "code": "attempts_exhausted", "limit": 100})

    status: Literal["failed", "dispatched"] = "failed"
    date_from: Annotated[Moment, Field(strict=False)] | None = None
    date_to: Annotated[LastMoment, Field(strict=False)] | None = None
    #: The ``code`` of the outcome, such as attempts_exhausted.
    code: Word | None = None
    limit: int = Field(default=100, ge=1, le=MAX_REPLAYS)

    def filter(self) -> DeliveryFilter:
        """Return the conditions."""
        return DeliveryFilter(
            dispatch_status=self.status, received_from=self.date_from, received_to=self.date_to
        )


class ClientBody(Body):
    """A client."""

    name: Name


class ExternalMappingBody(Body):
    """What an external id stands for."""

    entity_type: Annotated[Word, Field(examples=["asset"])]
    external_id: Annotated[
        str,
        StringConstraints(min_length=1, max_length=1024),
        AfterValidator(_printable),
        shown("d-17", pattern=f"^{_PRINTABLE}$"),
    ]
    entity_id: UUID = Field(strict=False)
    realm: Annotated[
        str,
        StringConstraints(max_length=255),
        AfterValidator(_printable),
        shown("main", pattern=f"^{_PRINTABLE}$"),
    ] = ""
