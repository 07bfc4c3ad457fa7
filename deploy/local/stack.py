"""PostgreSQL, perhaps Kafka, and our three programs, started and stopped in the right order."""

import asyncio
import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.program import ROOT, Program, ProgramDied
from deploy.local.workflow_distribution import install_workflows
from shared.database.migrate import migrate, migrate_workflow_engine
from shared.embedded.jars import prepare_jars
from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.ports import free_port
from shared.embedded.postgres import EmbeddedPostgres
from shared.queue.topics import ensure_topic

HOST = "127.0.0.1"
_TOPIC = "postern.deliveries.v1"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where the programs listen; free ports unless named."""

    gateway: int = field(default_factory=free_port)
    gateway_operations: int = field(default_factory=free_port)
    worker_operations: int = field(default_factory=free_port)
    control_api: int = field(default_factory=free_port)
    control_api_operations: int = field(default_factory=free_port)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack consists of. Further gateways and workers take free ports."""

    directory: Path
    master_keys: str
    kafka: bool = False
    gateways: int = 1
    workers: int = 1
    #: Modules whose workflows workers have beside those of installed packages; None: no workflows
    #: at all, and no engine that would carry them on.
    workflows: Sequence[str] | None = None
    ports: Ports = field(default_factory=Ports)
    #: Settings by variable, for every program that knows them.
    settings: Mapping[str, str] = field(default_factory=dict)
    postgres_settings: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """The running system."""

    def __init__(self, plan: Plan, *, cancelled: Callable[[], bool] = lambda: False) -> None:
        self.plan = plan
        self._cancelled = cancelled
        self.postgres = EmbeddedPostgres(
            plan.directory / "postgres", settings=plan.postgres_settings
        )
        self.kafka: EmbeddedKafka | None = None
        #: By name: gateway-1, worker-1, control-api; in the order in which they stop.
        self.programs: dict[str, Program] = {}

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.start()
            undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def database_url(self) -> str:
        """The superuser's address of the ledger."""
        return self.postgres.dsn()

    @property
    def gateway_url(self) -> str:
        """The address of the first gateway."""
        return f"http://{HOST}:{self.plan.ports.gateway}"

    @property
    def control_api_url(self) -> str:
        """The address of the control API."""
        return f"http://{HOST}:{self.plan.ports.control_api}"

    def start(self) -> None:
        """Start everything, and wait until every program is ready.

        Raises:
            InterruptedError: ``cancelled`` came true; what runs still has to be stopped.
        """
        self.start_servers()
        self.start_programs()

    def start_servers(self) -> None:
        """Start PostgreSQL and Kafka, and migrate."""
        self.plan.directory.mkdir(parents=True, exist_ok=True)
        self.postgres.start()
        self._go_on()
        migrate(self.database_url)
        if self.plan.workflows is not None:
            migrate_workflow_engine(self.database_url)
            for module in self.plan.workflows:
                install_workflows(self._packages, module)
        if self.plan.kafka:
            self._go_on()
            self.kafka = self.new_broker()
            self.kafka.start()
            asyncio.run(ensure_topic(self.kafka.bootstrap, _TOPIC))

    def new_broker(self) -> EmbeddedKafka:
        """Return the broker, not yet started."""
        return EmbeddedKafka(self.plan.directory / "kafka" / "data", prepare_jars(ROOT, "kafka"))

    def start_programs(self) -> None:
        """Start gateways, control API and workers, and wait until each is ready."""
        log_dir = self.plan.directory / "logs"
        log_dir.mkdir(exist_ok=True)
        for name, (module, environment) in self.wanted_programs().items():
            self.programs[name] = Program(
                name, module=module, environment=environment, log_dir=log_dir
            )
            self.programs[name].log_path.unlink(missing_ok=True)
            self.programs[name].start()
        for program in self.programs.values():
            program.wait_ready(cancelled=self._cancelled)
            self._go_on()

    def _go_on(self) -> None:
        if self._cancelled():
            raise InterruptedError

    def check(self) -> None:
        """Raise when something that should run has ended.

        Raises:
            ProgramDied: With the end of its log.
        """
        for program in self.programs.values():
            program.check()
        if self.postgres.exit_code is not None:
            raise ProgramDied(f"PostgreSQL ended; see {self.postgres.log_path}")
        if self.kafka is not None and self.kafka.exit_code is not None:
            raise ProgramDied(f"Kafka ended; see {self.kafka.log_path}")

    def stop(self) -> None:
        """Drain and stop everything: who accepts first, what others need last."""
        for program in self.programs.values():
            program.stop()
        if self.kafka is not None:
            self.kafka.stop()
        self.postgres.stop()

    @property
    def _packages(self) -> Path:
        """Where workers find what is installed for them alone."""
        return self.plan.directory / "packages"

    def shared_environment(self) -> dict[str, str]:
        """Return the settings that every program has."""
        queue_url = "postgres:" if self.kafka is None else f"kafka://{self.kafka.bootstrap}"
        return {
            "POSTERN_DATABASE_URL": self.database_url,
            "POSTERN_MASTER_KEYS": self.plan.master_keys,
            "POSTERN_QUEUE_URL": queue_url,
            "POSTERN_KAFKA_TOPIC": _TOPIC,
            # One broker holds the one copy that there is.
            "POSTERN_KAFKA_REPLICATION_FACTOR": "1",
            "POSTERN_KAFKA_MIN_INSYNC_REPLICAS": "1",
        }

    def wanted_programs(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Return each program's module and settings, by its name."""
        ports = self.plan.ports
        wanted: dict[str, tuple[str, dict[str, str]]] = {}
        for number in range(1, self.plan.gateways + 1):
            first = number == 1
            wanted[f"gateway-{number}"] = self._program(
                "gateway",
                PORT=ports.gateway if first else free_port(),
                OPERATIONS_PORT=ports.gateway_operations if first else free_port(),
            )
        wanted["control-api"] = self._program(
            "control_api",
            PORT=ports.control_api,
            OPERATIONS_PORT=ports.control_api_operations,
            PUBLIC_GATEWAY_URL=self.gateway_url,
        )
        for number in range(1, self.plan.workers + 1):
            wanted[f"worker-{number}"] = self._program(
                "worker",
                OPERATIONS_PORT=ports.worker_operations if number == 1 else free_port(),
                FORWARD_SIGNING_SECRET=_signing_secret(self.plan.master_keys),
                # Targets of a trial are on this machine.
                FORWARD_ALLOWED_NETWORKS="127.0.0.0/8",
                FORWARD_PLAIN_HTTP="true",
            )
            wanted[f"worker-{number}"][1]["PYTHONPATH"] = f"{ROOT}:{self._packages}"
        return wanted

    def _program(self, module: str, **own: object) -> tuple[str, dict[str, str]]:
        prefix = f"POSTERN_{module.upper()}_"
        settings = {f"{prefix}{name}": str(value) for name, value in own.items()}
        return module, {**self.shared_environment(), **settings, **self.plan.settings}


def _signing_secret(master_keys: str) -> str:
    """Return a secret for forwards that is the same at each start."""
    digest = hmac.digest(master_keys.encode(), b"forward signing secret", "sha256")
    return "whsec_" + base64.b64encode(digest).decode()
