"""How long the processes of a system wanted a processor and got none, as the kernel counts it."""

from collections.abc import Callable, Iterable, Mapping

from deploy.local.program import Program
from shared.embedded.processes import children_of
from tests.e2e.harness import Stack
from tests.stopwatch import waited_seconds

#: Returns a process, or None where there is none.
FindPid = Callable[[], int | None]


def pid_of(program: Program) -> FindPid:
    """Return what finds the process of a program, whichever runs by then."""

    def find() -> int | None:
        return program.pid if program.exit_code is None else None

    return find


class Watch:
    """Tells how much longer one process has waited at each look."""

    def __init__(self, find_pid: FindPid) -> None:
        self._find_pid = find_pid
        self._pid: int | None = None
        self._waited = 0.0

    def look(self) -> float:
        """Return how long it has waited since the last look; 0 if it was not there then."""
        pid = self._find_pid()
        waited = 0.0 if pid is None else waited_seconds(pid)
        growth = waited - self._waited if pid == self._pid else 0.0
        self._pid, self._waited = pid, waited
        return max(growth, 0.0)


class Starvation:
    """What a delivery can have waited for processors on its way, from now on."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._before = {pid: waited_seconds(pid) for pid in self._all_pids()}

    @property
    def seconds(self) -> float:
        """The waits of all that it goes through: of each kind the process that waited longest."""
        return sum(
            max((self._growth(pid) for pid in pids), default=0.0)
            for pids in self._pids_by_kind().values()
        )

    def _growth(self, pid: int) -> float:
        return waited_seconds(pid) - self._before.get(pid, 0.0)

    def _all_pids(self) -> Iterable[int]:
        return [pid for pids in self._pids_by_kind().values() for pid in pids]

    def _pids_by_kind(self) -> Mapping[str, Iterable[int]]:
        system = self._stack.system
        running = [one for one in system.programs.values() if one.exit_code is None]
        postgres = system.postgres.pid
        kafka = None if system.kafka is None else system.kafka.pid
        return {
            "gateway": [one.pid for one in running if one.module == "gateway"],
            "worker": [one.pid for one in running if one.module == "worker"],
            "postgres": [] if postgres is None else [postgres, *children_of(postgres)],
            "kafka": [] if kafka is None else [kafka],
        }
