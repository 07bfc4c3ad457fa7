"""The gateway's settings."""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from shared.settings import Settings, setting
from shared.wire.delivery_v1 import MAX_HEADER_BLOCK_BYTES

_POSITIVE = (
    "max_body_bytes",
    "max_header_count",
    "max_header_bytes",
    "receive_timeout_seconds",
    "keep_alive_seconds",
    "deadline_seconds",
    "drain_seconds",
    "writer_count",
    "max_batch_rows",
    "poll_seconds",
    "secret_use_seconds",
    "lease_seconds",
    "expression_timeout_seconds",
    "sandbox_size",
)
#: What numbers must keep to; NaN keeps to nothing.
_RANGES: Sequence[tuple[str, Callable[[float], bool], Sequence[str]]] = (
    ("more than 0", lambda value: value > 0, _POSITIVE),
    ("0 or more", lambda value: value >= 0, ("refused_per_minute", "refused_burst")),
    (
        f"{MAX_HEADER_BLOCK_BYTES} or less, to travel to the workers",
        lambda value: value <= MAX_HEADER_BLOCK_BYTES,
        ("max_header_bytes",),
    ),
    ("0 to 65535", lambda value: 0 <= value <= 65_535, ("port", "operations_port")),
)


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(Settings):
    """Settings of one gateway process."""

    prefix: ClassVar[str] = "POSTERN_GATEWAY_"

    host: str = setting("Address of the receiver.", default="127.0.0.1")
    port: int = setting("Port of the receiver.", default=8080)
    operations_host: str = setting(
        "Address of /livez, /readyz and /metrics; not for the public.", default="127.0.0.1"
    )
    operations_port: int = setting("Port of /livez, /readyz and /metrics.", default=9101)
    trusted_proxies: tuple[str, ...] = setting(
        "Networks whose X-Forwarded-For is believed, with commas; none by default.", default=()
    )
    max_body_bytes: int = setting("Largest body; more is 413.", default=10 * 1024 * 1024)
    max_header_count: int = setting("Most headers; more is 431.", default=64)
    max_header_bytes: int = setting("Largest header block; more is 431.", default=16 * 1024)
    max_json_depth: int = setting("Deepest JSON, 1 to 200; deeper is 400.", default=64)
    max_pending_bytes: int = setting(
        "Bodies held in memory by requests under way; more is 503.", default=256 * 1024 * 1024
    )
    receive_timeout_seconds: float = setting(
        "Time for a sender to send a request whole; more is 408.", default=10.0
    )
    keep_alive_seconds: int = setting(
        "Idle time of a connection; keep it above the proxy's.", default=75
    )
    deadline_seconds: float = setting(
        "Time to answer a request once received; then 503.", default=1.0
    )
    drain_seconds: int = setting("Time for requests under way at a stop.", default=10)
    writer_count: int = setting(
        "Connections that record. One makes the largest batches and so the least work; more help "
        "where a flush to disk takes long.",
        default=1,
    )
    max_batch_rows: int = setting("Most requests in one recording statement.", default=256)
    poll_seconds: float = setting(
        "How often configuration is compared with the ledger; staleness stays below 5 s.",
        default=2.0,
    )
    secret_use_seconds: float = setting(
        "How often it is written which secrets have verified requests.", default=60.0
    )
    publish_grace_seconds: float = setting(
        "Kafka only: how long a recorded delivery waits for this gateway's own publishing "
        "before a worker's relay takes it.",
        default=10.0,
    )
    lease_seconds: float = setting("How long leased rate-limit tokens may be used.", default=10.0)
    refused_per_minute: int = setting(
        "Refused requests recorded per webhook and minute; more are only counted.", default=60
    )
    refused_burst: int = setting(
        "Refused requests recorded at once per webhook before that rate holds.", default=1000
    )
    expression_timeout_seconds: float = setting(
        "Time for an idempotency expression that is no plain path.", default=0.05
    )
    sandbox_size: int = setting("Processes that evaluate such expressions.", default=1)

    def faults(self) -> list[str]:
        """Return what is wrong among the settings."""
        faults = super().faults()
        faults += _network_faults(self.trusted_proxies)
        faults += self._range_faults()
        if self.expression_timeout_seconds >= self.deadline_seconds:
            faults.append("POSTERN_GATEWAY_EXPRESSION_TIMEOUT_SECONDS: must be below the deadline")
        if not 1 <= self.max_json_depth <= 200:
            faults.append("POSTERN_GATEWAY_MAX_JSON_DEPTH: want 1 to 200")
        if self.poll_seconds > 4:
            faults.append("POSTERN_GATEWAY_POLL_SECONDS: above 4 breaks the promise of 5 s")
        if self.publish_grace_seconds <= self.deadline_seconds:
            faults.append(
                "POSTERN_GATEWAY_PUBLISH_GRACE_SECONDS: must exceed the deadline, or the relay "
                "publishes what this gateway is about to publish"
            )
        if self.max_body_bytes > self.max_pending_bytes:
            faults.append("POSTERN_GATEWAY_MAX_PENDING_BYTES: below one largest body")
        return faults

    def _range_faults(self) -> list[str]:
        return [
            f"{self.prefix}{name.upper()}: want {wanted}"
            for wanted, holds, names in _RANGES
            for name in names
            if not holds(getattr(self, name))
        ]


def _network_faults(networks: tuple[str, ...]) -> list[str]:
    faults = []
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            faults.append(f"POSTERN_GATEWAY_TRUSTED_PROXIES: {error}")
    return faults
