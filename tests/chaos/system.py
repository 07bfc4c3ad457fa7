"""The whole system with a proxy in every connection, a small disk and clocks that can be set."""

from contextlib import ExitStack

from deploy.local.program import ROOT
from deploy.local.stack import HOST, Plan, Stack
from shared.embedded.jars import prepare_jars
from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.ports import free_port
from tests.chaos.schedule import KAFKA_LINK, postgres_link, senders_link
from tests.faults import proxy
from tests.faults.disk import DiskUnavailable, SmallDisk
from tests.faults.proxy import Link, Proxy
from tests.faults.scene import Gateway
from tests.faults.starvation import pid_of
from tests.faults.wall_clock import WallClock, WallClockUnavailable


class ChaosSystem(Stack):
    """Our programs, PostgreSQL and Kafka, with everything between them breakable."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._undo = ExitStack()
        self._kafka_link = Link(KAFKA_LINK, free_port(), f"{HOST}:{free_port()}")
        self.proxy = Proxy([self._kafka_link])
        self.disk = SmallDisk(plan.directory / "broker")
        #: By worker, where a clock can be set at all.
        self.clocks: dict[str, WallClock] = {}

    def start_servers(self) -> None:
        """Start disk and proxy, then the servers behind them."""
        self.plan.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._undo.enter_context(self.disk)
        except DiskUnavailable as error:
            # Told once more by each fault that would need it.
            print(f"the broker has no disk of its own to be full: {error}")
        self._undo.enter_context(self.proxy)
        super().start_servers()

    def stop(self) -> None:
        """Stop everything, and leave no proxy and no mounted disk behind."""
        try:
            super().stop()
        finally:
            self._undo.close()

    def new_broker(self) -> EmbeddedKafka:
        """Return a broker on the small disk, which sends every client through the proxy."""
        return EmbeddedKafka(
            self.disk.directory / "data",
            prepare_jars(ROOT, "kafka"),
            int(self._kafka_link.target.rpartition(":")[2]),
            properties={"advertised.listeners": f"CLIENT://{self.bootstrap}"},
        )

    @property
    def bootstrap(self) -> str:
        """Where every client of the broker begins, through the proxy."""
        return self._kafka_link.address

    def shared_environment(self) -> dict[str, str]:
        """Return the settings that every program has."""
        environment = super().shared_environment()
        if self.kafka is not None:
            environment["POSTERN_QUEUE_URL"] = f"kafka://{self.bootstrap}"
        return environment

    def wanted_programs(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Return each program's module and settings, its own way to PostgreSQL among them."""
        wanted = super().wanted_programs()
        for name, (module, environment) in wanted.items():
            link = proxy.postgres_link(postgres_link(name), free_port(), self.database_url)
            self.proxy.open(link)
            environment["POSTERN_DATABASE_URL"] = proxy.dsn_through(link, self.database_url)
            if module == "gateway":
                target = f"{HOST}:{environment['POSTERN_GATEWAY_PORT']}"
                self.proxy.open(Link(senders_link(name), free_port(), target))
            elif module == "worker":
                clock = self._own_clock(name)
                paths = [one["PYTHONPATH"] for one in (clock, environment) if "PYTHONPATH" in one]
                environment.update(clock, PYTHONPATH=":".join(paths))
        return wanted

    def _own_clock(self, worker: str) -> dict[str, str]:
        clock = WallClock(self.plan.directory / f"{worker}.clock")
        try:
            environment = clock.environment()
        except WallClockUnavailable as error:
            print(f"the clock of {worker} cannot be set: {error}")
            return {}
        self.clocks[worker] = clock
        return environment

    def gateways(self) -> list[Gateway]:
        """Return where senders reach the gateways."""
        return [
            Gateway(name, HOST, self.proxy.links[senders_link(name)].port, pid_of(program))
            for name, program in self.programs.items()
            if program.module == "gateway"
        ]
