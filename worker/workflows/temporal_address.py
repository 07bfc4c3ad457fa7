"""Where Temporal is; apart from the engine, which takes long to load."""

from dataclasses import dataclass

from shared.settings import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalAddress:
    """Where Temporal is, and how to be let in."""

    #: host:port
    address: str
    namespace: str
    task_queue: str
    uses_tls: bool = False
    #: PEM; the system's certificates without it.
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    api_key: Secret | None = None
