"""What an auth_config may hold, by auth type."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    field_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from control_api.schemas import (
    Body,
    HeaderName,
    Network,
    QueryParameter,
    SecretText,
    TokenText,
    shown,
)
from shared.signatures.presets import MAX_TOLERANCE_SECONDS, MIN_TOLERANCE_SECONDS, PRESETS

_MAX_NETWORKS = 1000
#: What a request's query adds comes from the request; what may not be in one has no place here.
_PUBLIC_URL = r"https://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"


def _preset(name: str) -> str:
    if name not in PRESETS:
        raise PydanticCustomError(
            "unknown_preset",
            "There is no such preset; known: {known}",
            {"known": ", ".join(PRESETS)},
        )
    return name


def _public_url(text: str) -> str:
    if re.fullmatch(_PUBLIC_URL, text) is None:
        raise PydanticCustomError(
            "public_url",
            "Use the address as the sender has it, beginning with https://, without user, query "
            "and fragment",
        )
    return text


PublicUrl = Annotated[
    str,
    StringConstraints(max_length=2048),
    AfterValidator(_public_url),
    shown("https://hooks.example.com/api/inbound/acme/payments", pattern=f"^{_PUBLIC_URL}$"),
]


class AuthBody(Body):
    """What every auth_config may have: a secret, under either name."""

    secret: SecretText | None = None
    token: SecretText | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> "AuthBody":
        if self.secret is not None and self.token is not None:
            raise PydanticCustomError("one_of", "Give secret or token, not both")
        return self


class HmacBody(AuthBody):
    """auth_config of hmac_sha256."""

    type: Literal["hmac_sha256"] | None = None
    signature_header: HeaderName


class BearerBody(AuthBody):
    """auth_config of bearer."""

    type: Literal["bearer"] | None = None
    secret: TokenText | None = None
    token: TokenText | None = None


class PathTokenBody(AuthBody):
    """auth_config of path_token."""

    type: Literal["path_token"] | None = None
    query_param: QueryParameter = "token"
    secret: TokenText | None = None
    token: TokenText | None = None


class IpAllowlistBody(Body):
    """auth_config of ip_allowlist."""

    type: Literal["ip_allowlist"] | None = None
    ip_cidrs: list[Network] = Field(min_length=1, max_length=_MAX_NETWORKS)


class SignatureOptions(Body):
    """How a webhook differs from its preset; which of these it takes is the preset's affair."""

    #: How far from now a signed time may be, before and after.
    tolerance_seconds: int | None = Field(
        default=None, ge=MIN_TOLERANCE_SECONDS, le=MAX_TOLERANCE_SECONDS
    )
    #: Under which address the sender knows the webhook.
    public_url: PublicUrl | None = None


class SignatureBody(AuthBody):
    """auth_config of signature."""

    type: Literal["signature"] | None = None
    preset: Annotated[str, AfterValidator(_preset), shown("stripe", enum=list(PRESETS))]
    options: SignatureOptions = Field(default_factory=SignatureOptions)

    @field_serializer("options")
    def _given(self, options: SignatureOptions) -> dict[str, Any]:
        return options.model_dump(exclude_none=True)


AUTH_BODIES: dict[str, type[AuthBody | IpAllowlistBody]] = {
    "hmac_sha256": HmacBody,
    "bearer": BearerBody,
    "ip_allowlist": IpAllowlistBody,
    "path_token": PathTokenBody,
    "signature": SignatureBody,
}
