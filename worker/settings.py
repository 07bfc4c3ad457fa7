"""The worker's settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from shared.settings import Secret, Settings, setting
from worker.forwarding.addresses import parse_networks
from worker.forwarding.signing import parse_secrets
from worker.forwarding.target import parse_ports

#: What an attempt may need beside its handler: the wait for a claim, and the statements around it.
_CLAIM_SECONDS = 6.0
#: Who waits for another tenant's expressions, which take their whole time, gets his turn after it.
_TURN_GRACE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class WorkerSettings(Settings):
    """Settings of the program ``worker``."""

    prefix: ClassVar[str] = "POSTERN_WORKER_"

    operations_host: str = setting("Address of the operations port.", default="127.0.0.1")
    operations_port: int = setting("Port of /livez, /readyz and /metrics.", default=9102)
    concurrency: int = setting("Deliveries in hand at a time, 1 or more.", default=64)
    group_members: int = setting(
        "Most deliveries of a tenant that share a transaction while many wait; 1: none do.",
        default=32,
    )
    database_pool_size: int = setting(
        "Connections for deliveries; each one in hand may hold one.", default=64
    )
    system_pool_size: int = setting(
        "Connections for the queue, the relay and housekeeping, 2 or more.", default=5
    )
    lease_seconds: float = setting(
        "How long a delivery in the hands of a dead worker stays away from the others.",
        default=30.0,
    )
    handler_timeout_seconds: float = setting(
        "How long a handler may take; then the attempt is rolled back and tried again.",
        default=15.0,
    )
    drain_seconds: float = setting(
        "How long deliveries in hand may take to finish at a stop.", default=10.0
    )
    workflow_engine: str = setting(
        "What carries workflows on: dbos, in PostgreSQL, or temporal. The same for all workers.",
        default="dbos",
    )
    workflow_concurrency: int = setting(
        "Runs of workflows (temporal: steps) that this worker carries on at a time, 1 or more.",
        default=64,
    )
    temporal_address: str = setting("Temporal's frontend, host:port.", default="127.0.0.1:7233")
    temporal_namespace: str = setting("Temporal's namespace.", default="default")
    temporal_task_queue: str = setting("Temporal's task queue.", default="postern")
    temporal_tls: bool = setting("Whether to speak TLS with Temporal.", default=False)
    temporal_ca_file: str | None = setting(
        "Certificates (PEM) that may sign Temporal's; the system's without it.", default=None
    )
    temporal_certificate_file: str | None = setting(
        "Our own certificate (PEM), where Temporal asks for one.", default=None
    )
    temporal_key_file: str | None = setting("The key (PEM) of that certificate.", default=None)
    temporal_api_key: Secret | None = setting(
        "API key, where Temporal asks for one; it needs TLS.", default=None
    )
    max_attempts: int = setting(
        "Attempts per delivery, the first included, unless the webhook has its own policy.",
        default=12,
    )
    retry_first_seconds: float = setting(
        "Longest wait before the second attempt; it doubles from attempt to attempt.", default=1.0
    )
    retry_longest_seconds: float = setting("Longest wait before any attempt.", default=3600.0)
    breaker_failures: int = setting(
        "Failed attempts in a row, of several deliveries of a webhook, that open its circuit "
        "breaker: deliveries are then held back instead of using up attempts.",
        default=10,
    )
    breaker_hold_seconds: float = setting(
        "From a circuit breaker's opening to its first probe; each probe that fails doubles it.",
        default=30.0,
    )
    breaker_longest_hold_seconds: float = setting(
        "Longest time between two probes of an open circuit breaker.", default=300.0
    )
    sandbox_size: int = setting(
        "Expressions that the engine may evaluate at a time; a process each, and one spare.",
        default=1,
    )
    expression_timeout_seconds: float = setting(
        "How long the expressions of one mapping may take together.", default=1.0
    )
    reconcile_grace_seconds: float = setting(
        "An unfinished delivery that waits nowhere is queued again once it is so much older than "
        "everything that Kafka still has for the workers, 30 or more.",
        default=60.0,
    )
    reconcile_latest_seconds: float = setting(
        "An unfinished delivery that waits nowhere is queued again after so long untouched, "
        "however much Kafka still has for the workers.",
        default=3600.0,
    )
    retention_days: int = setting("Days for which deliveries are kept, 1 or more.", default=30)
    event_retention_days: int = setting(
        "Days for which events of the PSA store are kept for those who follow them, 1 or more.",
        default=30,
    )
    kafka_group: str = setting("Kafka consumer group of the workers.", default="postern-workers")
    kafka_instance: str | None = setting(
        "A name that this worker alone has, and keeps over restarts: one that is back within a "
        "session takes its partitions up again, and the others go on undisturbed.",
        default=None,
    )
    kafka_session_seconds: float = setting(
        "After so long without a heartbeat a worker's partitions go to others, 6 or more.",
        default=15.0,
    )

    forward_signing_secret: Secret | None = setting(
        "whsec_ and base64 of 24 to 64 bytes: what the action forward makes a key of for each "
        "webhook that has no forward secret of its own; each of several, with commas, signs. "
        "Without either the action fails. "
        "`python -m worker.forward_key` tells a webhook's key.",
        default=None,
    )
    forward_allowed_networks: tuple[str, ...] = setting(
        "Networks, such as 10.1.0.0/16, that the action forward may reach although they are "
        "private or otherwise blocked, with commas.",
        default=(),
    )
    forward_plain_http: bool = setting(
        "Whether the action forward may send without TLS.", default=False
    )
    forward_ports: tuple[str, ...] = setting(
        "Ports that the action forward may reach: numbers and ranges, with commas.",
        default=("80", "443", "1024-65535"),
    )
    forward_ca_file: str | None = setting(
        "Certificates (PEM) that may sign targets', beside the system's.", default=None
    )

    @property
    def sandbox_queue_seconds(self) -> float:
        """How long a mapping's expressions wait for a process."""
        return self.expression_timeout_seconds + _TURN_GRACE_SECONDS

    def faults(self) -> list[str]:
        """Return what is wrong among the settings, a sentence each."""
        return [
            *super().faults(),
            *self._range_faults(),
            *self._time_faults(),
            *self._forward_faults(),
            *self._workflow_faults(),
        ]

    def _workflow_faults(self) -> list[str]:
        faults = []
        if self.workflow_engine not in {"dbos", "temporal"}:
            faults.append(
                f"{self.prefix}WORKFLOW_ENGINE: {self.workflow_engine!r} is neither dbos nor "
                "temporal"
            )
        secrets = {
            "CA_FILE": self.temporal_ca_file,
            "CERTIFICATE_FILE": self.temporal_certificate_file,
            "KEY_FILE": self.temporal_key_file,
            "API_KEY": self.temporal_api_key,
        }
        if not self.temporal_tls:
            faults += [
                f"{self.prefix}TEMPORAL_{name}: without {self.prefix}TEMPORAL_TLS it has no use"
                for name, value in secrets.items()
                if value is not None
            ]
        if (self.temporal_certificate_file is None) != (self.temporal_key_file is None):
            faults.append(
                f"{self.prefix}TEMPORAL_CERTIFICATE_FILE, {self.prefix}TEMPORAL_KEY_FILE: one "
                "without the other"
            )
        return faults

    def _forward_faults(self) -> list[str]:
        checks: dict[str, Callable[[], object]] = {
            "ALLOWED_NETWORKS": lambda: parse_networks(self.forward_allowed_networks),
            "PORTS": lambda: parse_ports(self.forward_ports),
        }
        if self.forward_signing_secret is not None:
            secret = self.forward_signing_secret.reveal()
            checks["SIGNING_SECRET"] = lambda: parse_secrets(secret)
        return [
            f"{self.prefix}FORWARD_{name}: {fault}"
            for name, check in checks.items()
            if (fault := _fault_of(check))
        ]

    def _range_faults(self) -> list[str]:
        floors = {
            "concurrency": 1,
            "group_members": 1,
            "database_pool_size": 1,
            "system_pool_size": 2,
            "max_attempts": 1,
            "breaker_failures": 1,
            "sandbox_size": 1,
            "workflow_concurrency": 1,
            "retention_days": 1,
            "event_retention_days": 1,
        }
        faults = [
            f"{self.prefix}{name.upper()}: must be {floor} or more"
            for name, floor in floors.items()
            if getattr(self, name) < floor
        ]
        if self.database_pool_size < self.concurrency:
            faults.append(
                f"{self.prefix}DATABASE_POOL_SIZE: smaller than CONCURRENCY "
                f"({self.database_pool_size} < {self.concurrency}): deliveries in hand would wait "
                "for a connection until they time out"
            )
        return faults

    def _time_faults(self) -> list[str]:
        positive = (
            "lease_seconds",
            "handler_timeout_seconds",
            "drain_seconds",
            "retry_first_seconds",
            "retry_longest_seconds",
            "breaker_hold_seconds",
            "breaker_longest_hold_seconds",
            "expression_timeout_seconds",
            "kafka_session_seconds",
        )
        faults = [
            f"{self.prefix}{name.upper()}: must be more than 0"
            for name in positive
            if getattr(self, name) <= 0
        ]
        longest = (
            self.handler_timeout_seconds
            + self.sandbox_queue_seconds
            + self.expression_timeout_seconds
            + _CLAIM_SECONDS
        )
        if longest >= self.lease_seconds:
            faults.append(
                f"{self.prefix}LEASE_SECONDS: {self.lease_seconds:g} s is not longer than an "
                f"attempt may take ({longest:g} s: handler, expressions, their turn and "
                f"{_CLAIM_SECONDS:g} s for its claim), so that others would begin it again"
            )
        if not 30 <= self.reconcile_grace_seconds <= self.reconcile_latest_seconds:
            faults.append(
                f"{self.prefix}RECONCILE_GRACE_SECONDS: not between 30 s, for what is being "
                "published at this moment, and RECONCILE_LATEST_SECONDS"
            )
        if self.retry_first_seconds > self.retry_longest_seconds:
            faults.append(f"{self.prefix}RETRY_FIRST_SECONDS: longer than RETRY_LONGEST_SECONDS")
        if self.breaker_hold_seconds > self.breaker_longest_hold_seconds:
            faults.append(
                f"{self.prefix}BREAKER_HOLD_SECONDS: longer than BREAKER_LONGEST_HOLD_SECONDS"
            )
        return faults


def _fault_of(check: Callable[[], object]) -> str | None:
    try:
        check()
    except ValueError as error:
        return str(error)
    return None
