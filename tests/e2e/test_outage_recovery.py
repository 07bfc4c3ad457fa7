"""After outages of PostgreSQL everything is as fast as before, and nothing of them is left."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local import stack
from deploy.local.control import wait_for
from shared.embedded.ports import free_port
from tests.e2e.harness import Stack
from tests.faults.checker import Report
from tests.faults.injection import frozen_postgres
from tests.faults.journal import Answer, latencies, percentile
from tests.faults.proxy import Proxy, dsn_through, postgres_link
from tests.faults.rig import Rig
from tests.faults.starvation import Starvation
from tests.faults.traffic import Load, Mix

pytestmark = pytest.mark.timeout(180)

#: Nobody sends twice: what is offered stays the same, and no wave of retries follows an outage.
_STEADY = Mix(per_second=50, twin_share=0.0, repeat_share=0.0, forged_share=0.0, tries=1)
_BACK_WITHIN_SECONDS = 2.0
#: Pauses have come to their longest by then.
_LONG_SECONDS = 2.5
_SHORT_SECONDS = 0.2
_SHORT_COUNT = 10
_STRETCH_SECONDS = 2.0
#: So that what was sent in a stretch is handled before the next outage.
_PAUSE_SECONDS = 0.5
#: For a machine that generator and servers share.
_SLACK_SECONDS = 0.5
#: What one of ten outages leaves behind shows above this. Kafka's clients open and close a
#: connection now and then.
_MOST_DESCRIPTORS = 4
#: The first 3,000 refusals let a gateway's heap grow by some 10 MiB; 9,000 more by nothing.
_MOST_GROWTH_MIB = 16.0
#: Application name and program, by connections that all processes of it may have.
_POOLS = {"postern-gateway": 2 * 7, "postern-worker": 2 * (64 + 5), "postern-control-api": 8}
_MODULES = {
    "postern-gateway": "gateway",
    "postern-worker": "worker",
    "postern-control-api": "control_api",
}
_CONNECTIONS = "select application_name, count(*) from pg_stat_activity group by 1"


@dataclass(frozen=True)
class Holdings:
    """What our programs have of the system's resources."""

    #: Open connections to PostgreSQL as it counts them, by application name.
    connections: dict[str, int]
    #: Open files and sockets besides those connections, likewise.
    descriptors: dict[str, int]
    #: By program.
    memory_mib: dict[str, float]


@dataclass(frozen=True)
class _Return:
    """PostgreSQL's return from an outage."""

    at: float
    #: What the machine took from whoever handles deliveries, from then on.
    starved_seconds: float


def _holdings(rig: Rig) -> Holdings:
    counted = {row["application_name"]: row["count"] for row in rig.stack.fetch(_CONNECTIONS)}
    connections = {name: counted.get(name, 0) for name in _MODULES}
    programs = rig.stack.system.programs
    return Holdings(
        connections=connections,
        descriptors={
            name: sum(
                len(list(Path(f"/proc/{program.pid}/fd").iterdir()))
                for program in programs.values()
                if program.module == module
            )
            - connections[name]
            for name, module in _MODULES.items()
        },
        memory_mib={name: _memory_mib(program.pid) for name, program in programs.items()},
    )


def _memory_mib(pid: int) -> float:
    (line,) = [
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    ]
    return int(line.split()[1]) / 1024


@contextmanager
def _killed(rig: Rig) -> Iterator[None]:
    rig.stack.kill("postgres")
    try:
        yield
    finally:
        rig.stack.start("postgres")


@contextmanager
def _hung(rig: Rig) -> Iterator[None]:
    with frozen_postgres(rig.stack):
        yield


def test_outages_slow_nothing_down_and_leave_nothing_behind(rig: Rig) -> None:
    """Ten short outages and two longer ones, killed and hung: then all is as it was."""
    scene, pids = rig.stage(), rig.pids()
    before = _holdings(rig)
    with Load(scene, _STEADY) as load:
        calm = _calm_stretch(load)
        for number in range(_SHORT_COUNT):
            with _hung(rig) if number % 2 else _killed(rig):
                load.go_on_for(_SHORT_SECONDS)
            load.wait_accepted(5, since=load.now)
        returns = [_long_outage(rig, load, _killed(rig)), _long_outage(rig, load, _hung(rig))]
    report = rig.assert_kept(scene, load.journal)
    for each in returns:
        _assert_full_speed(report, each, calm=calm)
    assert rig.pids() == pids
    _assert_nothing_left(rig, before)


def test_a_network_that_swallows_everything_slows_nothing_down_afterwards(
    behind_proxy: tuple[Rig, Proxy],
) -> None:
    """Connections that were open to nowhere are given up, and others are in full use in time."""
    rig, proxy = behind_proxy
    scene, pids = rig.stage(), rig.pids()
    before = _holdings(rig)
    with Load(scene, _STEADY) as load:
        calm = _calm_stretch(load)
        returned = _long_outage(rig, load, proxy.swallowed("postgres"))
    report = rig.assert_kept(scene, load.journal)
    _assert_full_speed(report, returned, calm=calm)
    assert rig.pids() == pids
    _assert_nothing_left(rig, before)


def _calm_stretch(load: Load) -> float:
    """Let a stretch of time pass without an outage; return its end."""
    load.go_on_for(_STRETCH_SECONDS)
    end = load.now
    load.go_on_for(_PAUSE_SECONDS)
    return end


def _long_outage(rig: Rig, load: Load, away: AbstractContextManager[None]) -> _Return:
    """Take PostgreSQL away for a while; return when it was back, a stretch of time later."""
    with away:
        load.go_on_for(_LONG_SECONDS)
    back, starvation = load.now, Starvation(rig.stack)
    load.go_on_for(_BACK_WITHIN_SECONDS)
    _calm_stretch(load)
    return _Return(back, starvation.seconds)


def _assert_full_speed(report: Report, returned: _Return, *, calm: float) -> None:
    """Assert that from two seconds after the return on all is accepted, and handled as soon.

    Behind a worker that still keeps off, or takes one at a time, they wait for longer.
    """
    begin = returned.at + _BACK_WITHIN_SECONDS
    late = _sent(report, begin, begin + _STRETCH_SECONDS)
    waits = _waits(report, late)
    usual = _waits(report, _sent(report, 0.0, calm))
    print(
        f"handled before: {latencies(usual)}; after: {latencies(waits)}, of which processors were "
        f"waited for {returned.starved_seconds:.2f} s at most"
    )
    assert len(late) > 0.5 * _STEADY.per_second * _STRETCH_SECONDS
    assert {answer.status for answer in late} == {200}
    usual_seconds = min(percentile(usual, 0.9), _SLACK_SECONDS)
    slack_seconds = _SLACK_SECONDS + returned.starved_seconds
    assert percentile(waits, 0.9) < 2 * usual_seconds + slack_seconds


def _sent(report: Report, begin: float, end: float) -> list[Answer]:
    return report.journal.where(lambda answer: begin <= answer.at - answer.latency_seconds < end)


def _waits(report: Report, answers: list[Answer]) -> list[float]:
    found = [report.ledger.deliveries[answer.delivery_id or ""] for answer in answers]
    waits = [each.handled_after_seconds for each in found]
    return [seconds for seconds in waits if seconds is not None]


def _assert_nothing_left(rig: Rig, before: Holdings) -> None:
    """Assert that connections, descriptors and memory are those of before, sooner or later.

    Connections of pools are opened as they are needed, so that for them the pools' sizes count.
    """

    def excess() -> dict[str, float]:
        now = _holdings(rig)
        beyond = {
            f"connections of {name}": count - _POOLS[name]
            for name, count in now.connections.items()
        } | {
            f"descriptors of {name}": count - before.descriptors[name] - _MOST_DESCRIPTORS
            for name, count in now.descriptors.items()
        }
        grown = {
            f"memory of {name}": size - before.memory_mib[name] - _MOST_GROWTH_MIB
            for name, size in now.memory_mib.items()
        }
        return {what: size for what, size in (beyond | grown).items() if size > 0}

    wait_for(excess, lambda found: not found, timeout_seconds=20)
    print(f"before: {before}\nafter: {_holdings(rig)}")


class _BehindProxy(stack.Stack):
    """A system whose every connection to PostgreSQL goes through a proxy."""

    def __init__(self, plan: stack.Plan, proxy: Proxy) -> None:
        super().__init__(plan)
        self._proxy = proxy

    def shared_environment(self) -> dict[str, str]:
        """Return the settings that every program has."""
        if "postgres" not in self._proxy.links:
            self._proxy.open(postgres_link("postgres", free_port(), self.database_url))
        through = dsn_through(self._proxy.links["postgres"], self.database_url)
        return super().shared_environment() | {"POSTERN_DATABASE_URL": through}


@pytest.fixture
def behind_proxy(tmp_path: Path) -> Iterator[tuple[Rig, Proxy]]:
    """A system, its queue in PostgreSQL too, that can be cut off from PostgreSQL."""
    with Proxy([]) as proxy:
        system = Stack(tmp_path, Rig.shape(kafka=False))
        system.system = _BehindProxy(system.system.plan, proxy)
        with system as running:
            yield Rig(running), proxy
