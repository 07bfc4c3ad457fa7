"""The control API's settings."""

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from shared.settings import Settings, setting


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
            for name in ("pool_size", "key_pool_size", "max_body_bytes")
            if getattr(self, name) < 1
        ]
        return faults
