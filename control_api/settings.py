"""The control API's settings."""

import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from control_api.network import is_safe_address
from control_api.permissions import parse_permission_map
from shared.settings import Settings, setting

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?")


@dataclass(frozen=True, kw_only=True)
class ControlApiSettings(Settings):
    """Settings of one control API process."""

    prefix: ClassVar[str] = "POSTERN_CONTROL_API_"

    host: str = setting("Address of the API.", default="127.0.0.1")
    port: int = setting("Port of the API.", default=8081)
    operations_host: str = setting(
        "Address of /livez, /readyz and /metrics; not for the public.", default="127.0.0.1"
    )
    operations_port: int = setting("Port of /livez, /readyz and /metrics.", default=9103)
    pool_size: int = setting("Most connections to PostgreSQL for requests.", default=8)
    key_pool_size: int = setting("Most connections for looking up API keys.", default=2)
    public_gateway_url: str = setting(
        "Where senders reach the gateway; leads every receiver_url.",
        default="http://127.0.0.1:8080",
    )
    max_body_bytes: int = setting("Largest request body; more is 413.", default=1024 * 1024)
    oidc_issuer: str | None = setting(
        "Issuer of bearer tokens, as in their claim iss: an https address with OpenID discovery.",
        default=None,
    )
    oidc_audience: str | None = setting("The claim aud of tokens for this API.", default=None)
    oidc_tenant_claim: str = setting(
        "Claim with the tenant's slug or id; a path with dots leads into objects.",
        default="tenant",
    )
    oidc_permissions_claim: str = setting(
        "Claim with roles (a list) or scopes (one text); a path with dots leads into objects.",
        default="roles",
    )
    oidc_permissions: str = setting(
        'What each role or scope permits, as JSON: {"postern-admin": ["read", "admin"], ...}.',
        default="{}",
    )
    oidc_leeway_seconds: int = setting(
        "How far the issuer's clock and ours may be apart.", default=30
    )
    oidc_ca_file: str | None = setting(
        "Certificates (PEM) that may sign the issuer's; the system's without it.", default=None
    )
    max_import_bytes: int = setting(
        "Largest document of webhooks to import; more is 413.", default=16 * 1024 * 1024
    )
    sandbox_size: int = setting(
        "Processes that check and preview expressions; one more is kept as a spare.", default=1
    )
    expression_timeout_seconds: float = setting(
        "Time for the expressions of a preview together.", default=1.0
    )
    cors_origins: tuple[str, ...] = setting(
        "Origins whose pages may call this API, exactly, with commas, such as "
        "https://console.example.com; none without it.",
        default=(),
    )
    streams_per_key: int = setting(
        "Tails and exports that an API key may have open at one process; more are 429.", default=5
    )
    drain_seconds: int = setting("Time for requests under way at a stop.", default=10)

    def faults(self) -> list[str]:
        """Return what is wrong among the settings."""
        faults = super().faults()
        parts = urlsplit(self.public_gateway_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            faults.append(
                f"POSTERN_CONTROL_API_PUBLIC_GATEWAY_URL: {self.public_gateway_url!r} is no "
                "http or https address"
            )
        faults += [
            f"{self.prefix}{name.upper()}: want 1 or more"
            for name in (
                "pool_size",
                "key_pool_size",
                "max_body_bytes",
                "max_import_bytes",
                "sandbox_size",
                "streams_per_key",
            )
            if getattr(self, name) < 1
        ]
        if not self.expression_timeout_seconds > 0:
            faults.append(f"{self.prefix}EXPRESSION_TIMEOUT_SECONDS: want more than 0")
        faults += [
            f"{self.prefix}CORS_ORIGINS: {origin!r} is no origin: want scheme://host or "
            "scheme://host:port, in lower case, without a path"
            for origin in self.cors_origins
            if not _ORIGIN.fullmatch(origin)
        ]
        return faults + (self._oidc_faults() if self.oidc_issuer is not None else [])

    def _oidc_faults(self) -> list[str]:
        faults = []
        if not is_safe_address(self.oidc_issuer or ""):
            faults.append(f"{self.prefix}OIDC_ISSUER: {self.oidc_issuer!r} is no https address")
        if not self.oidc_audience:
            faults.append(f"{self.prefix}OIDC_AUDIENCE: an issuer needs it")
        if not 0 <= self.oidc_leeway_seconds <= 300:
            faults.append(f"{self.prefix}OIDC_LEEWAY_SECONDS: want 0 to 300")
        try:
            parse_permission_map(self.oidc_permissions)
        except ValueError as error:
            faults.append(f"{self.prefix}OIDC_PERMISSIONS: {error}")
        return faults
