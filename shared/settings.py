"""Settings: frozen dataclasses read once from the environment, masked when shown.

A setting is a dataclass field made by ``setting``; its variable is the class prefix and the
field's name in capitals. Everything that is wrong is reported at once.
"""

import os
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

from shared.errors import ConfigurationError

PREFIX = "POSTERN_"
#: Each program's own prefix; a variable under another program's is not this one's business.
PROGRAM_PREFIXES = ("POSTERN_GATEWAY_", "POSTERN_WORKER_", "POSTERN_CONTROL_API_")

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")

T = TypeVar("T", bound="Settings")


class Secret:
    """A string that never shows itself in a repr, a log line or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def setting(doc: str, *, default: Any = MISSING, env: str | None = None) -> Any:
    """Declare a setting: its effect, its default, and its variable where all programs share it."""
    return field(default=default, metadata={"doc": doc, "env": env})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings that every program has. Subclasses name their own prefix."""

    prefix: ClassVar[str] = PREFIX

    database_url: Secret = setting(
        "PostgreSQL address; the user must be a member of postern_tenant, postern_system and "
        "postern_operator.",
        env="POSTERN_DATABASE_URL",
    )
    master_keys: Secret = setting(
        "Keys that seal secrets at rest, oldest first: id:base64 of 32 bytes, with commas.",
        env="POSTERN_MASTER_KEYS",
    )
    queue_url: str = setting(
        "postgres: (workers read the outbox) or kafka://host:port,host:port.",
        default="postgres:",
        env="POSTERN_QUEUE_URL",
    )
    kafka_topic: str = setting(
        "Topic of deliveries.", default="postern.deliveries.v1", env="POSTERN_KAFKA_TOPIC"
    )
    kafka_security_protocol: str = setting(
        "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
        default="PLAINTEXT",
        env="POSTERN_KAFKA_SECURITY_PROTOCOL",
    )
    kafka_sasl_mechanism: str = setting(
        "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.",
        default="SCRAM-SHA-512",
        env="POSTERN_KAFKA_SASL_MECHANISM",
    )
    kafka_username: str | None = setting(
        "User; with OAUTHBEARER the client id.", default=None, env="POSTERN_KAFKA_USERNAME"
    )
    kafka_password: Secret | None = setting(
        "Password; with OAUTHBEARER the client secret.",
        default=None,
        env="POSTERN_KAFKA_PASSWORD",
    )
    kafka_token_url: str | None = setting(
        "OAUTHBEARER: where tokens are had for client id and secret.",
        default=None,
        env="POSTERN_KAFKA_TOKEN_URL",
    )
    kafka_token_scope: str | None = setting(
        "OAUTHBEARER: the scope to ask for.", default=None, env="POSTERN_KAFKA_TOKEN_SCOPE"
    )
    kafka_token_file: str | None = setting(
        "OAUTHBEARER: a file with a token that somebody else renews; read at each connection.",
        default=None,
        env="POSTERN_KAFKA_TOKEN_FILE",
    )
    kafka_ca_file: str | None = setting(
        "Certificates (PEM) that may sign the brokers'; the system's without it.",
        default=None,
        env="POSTERN_KAFKA_CA_FILE",
    )
    kafka_certificate_file: str | None = setting(
        "Our own certificate (PEM), where brokers ask for one.",
        default=None,
        env="POSTERN_KAFKA_CERTIFICATE_FILE",
    )
    kafka_key_file: str | None = setting(
        "The key (PEM) of our own certificate.", default=None, env="POSTERN_KAFKA_KEY_FILE"
    )
    kafka_key_password: Secret | None = setting(
        "What opens that key, where it is locked.", default=None, env="POSTERN_KAFKA_KEY_PASSWORD"
    )
    kafka_check_hostname: bool = setting(
        "Whether a broker's certificate must name the host that was asked for.",
        default=True,
        env="POSTERN_KAFKA_CHECK_HOSTNAME",
    )
    kafka_partitions: int = setting(
        "Least partitions of the topic, 1 or more.", default=12, env="POSTERN_KAFKA_PARTITIONS"
    )
    kafka_replication_factor: int = setting(
        "Least copies of each partition.", default=3, env="POSTERN_KAFKA_REPLICATION_FACTOR"
    )
    kafka_min_insync_replicas: int = setting(
        "Least copies that must have a record before it counts as sent.",
        default=2,
        env="POSTERN_KAFKA_MIN_INSYNC_REPLICAS",
    )
    kafka_retention_hours: int = setting(
        "Least time for which the topic keeps records: longer than the longest outage of workers.",
        default=168,
        env="POSTERN_KAFKA_RETENTION_HOURS",
    )
    log_level: str = setting(
        "debug, info, warning or error.", default="info", env="POSTERN_LOG_LEVEL"
    )
    log_format: str = setting(
        "json for machines, console for people.", default="json", env="POSTERN_LOG_FORMAT"
    )

    def faults(self) -> list[str]:
        """Return what is wrong among the settings, a sentence each; subclasses add theirs."""
        faults = []
        if self.queue_url != "postgres:" and not self.queue_url.startswith("kafka://"):
            faults.append(
                f"POSTERN_QUEUE_URL: {self.queue_url!r} is neither postgres: nor kafka://..."
            )
        if self.log_level not in {"debug", "info", "warning", "error"}:
            faults.append(f"POSTERN_LOG_LEVEL: {self.log_level!r} is not a level")
        if self.log_format not in {"json", "console"}:
            faults.append(f"POSTERN_LOG_FORMAT: {self.log_format!r} is neither json nor console")
        return faults + self._kafka_faults() + self._topic_faults()

    def _kafka_faults(self) -> list[str]:
        faults = []
        if self.kafka_security_protocol not in _PROTOCOLS:
            faults.append(
                f"POSTERN_KAFKA_SECURITY_PROTOCOL: {self.kafka_security_protocol!r} is none of "
                f"{', '.join(_PROTOCOLS)}"
            )
        if self.kafka_key_file and not self.kafka_certificate_file:
            faults.append("POSTERN_KAFKA_KEY_FILE: a key without POSTERN_KAFKA_CERTIFICATE_FILE")
        if self.kafka_security_protocol.startswith("SASL_"):
            faults += self._sasl_faults()
        return faults

    def _sasl_faults(self) -> list[str]:
        mechanism = self.kafka_sasl_mechanism
        if mechanism not in _MECHANISMS:
            return [
                f"POSTERN_KAFKA_SASL_MECHANISM: {mechanism!r} is none of {', '.join(_MECHANISMS)}"
            ]
        needed: dict[str, object] = {
            "POSTERN_KAFKA_USERNAME": self.kafka_username,
            "POSTERN_KAFKA_PASSWORD": self.kafka_password,
        }
        if mechanism == "OAUTHBEARER":
            if self.kafka_token_file is not None:
                needed = {}
            else:
                needed["POSTERN_KAFKA_TOKEN_URL or POSTERN_KAFKA_TOKEN_FILE"] = (
                    self.kafka_token_url
                )
        return [f"{name}: {mechanism} needs it" for name, value in needed.items() if not value]

    def _topic_faults(self) -> list[str]:
        counts = {
            "POSTERN_KAFKA_PARTITIONS": self.kafka_partitions,
            "POSTERN_KAFKA_REPLICATION_FACTOR": self.kafka_replication_factor,
            "POSTERN_KAFKA_MIN_INSYNC_REPLICAS": self.kafka_min_insync_replicas,
            "POSTERN_KAFKA_RETENTION_HOURS": self.kafka_retention_hours,
        }
        faults = [f"{name}: must be 1 or more" for name, count in counts.items() if count < 1]
        if self.kafka_min_insync_replicas > self.kafka_replication_factor:
            faults.append(
                "POSTERN_KAFKA_MIN_INSYNC_REPLICAS: more than POSTERN_KAFKA_REPLICATION_FACTOR: "
                "nothing could be sent"
            )
        return faults


def variable_of(cls: type[Settings], item: Field[Any]) -> str:
    """Return the environment variable of a field."""
    return item.metadata["env"] or cls.prefix + item.name.upper()


def load(cls: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Build settings from the environment.

    Raises:
        ConfigurationError: Missing, unknown, malformed or contradicting settings, all at once.
    """
    environ = os.environ if environ is None else environ  # noqa: TID251 - the one place that may
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    faults = _unknown_variables(cls, environ)
    for item in fields(cls):
        variable = variable_of(cls, item)
        raw = environ.get(variable)
        if raw is None:
            if item.default is MISSING:
                faults.append(f"{variable}: missing. {item.metadata['doc']}")
            continue
        try:
            values[item.name] = _parse(raw, hints[item.name])
        except ValueError as error:
            faults.append(f"{variable}: {error}")
    if faults:
        raise ConfigurationError(faults)
    settings = cls(**values)
    if faults := settings.faults():
        raise ConfigurationError(faults)
    return settings


def describe(settings: Settings) -> dict[str, str]:
    """Return variable to effective value, secrets masked."""
    return {
        variable_of(type(settings), item): (
            "***" if isinstance(value := getattr(settings, item.name), Secret) else str(value)
        )
        for item in fields(settings)
    }


def _unknown_variables(cls: type[Settings], environ: Mapping[str, str]) -> list[str]:
    known = {variable_of(cls, item) for item in fields(cls)}
    others = tuple(prefix for prefix in PROGRAM_PREFIXES if prefix != cls.prefix)
    return [
        f"{name}: unknown setting; {cls.__name__} knows {', '.join(sorted(known))}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not name.startswith(others)
    ]


def _parse(raw: str, kind: Any) -> Any:
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(option for option in get_args(kind) if option is not type(None))
    if get_origin(kind) is tuple:
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if kind is bool:
        return _parse_bool(raw)
    if kind in {int, float}:
        return _parse_number(raw, kind)
    return kind(raw)


def _parse_bool(raw: str) -> bool:
    if raw.lower() not in {"true", "false"}:
        raise ValueError(f"{raw!r} is neither true nor false")
    return raw.lower() == "true"


def _parse_number(raw: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(raw)
    except ValueError:
        raise ValueError(f"{raw!r} is not of type {kind.__name__}") from None
