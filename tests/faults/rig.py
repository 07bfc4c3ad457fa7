"""A whole system to break, and what brings it back between two tests."""

from collections.abc import Mapping
from types import MappingProxyType

from tests.e2e.harness import Shape, Stack
from tests.faults.checker import Checker, Report
from tests.faults.injection import Holds
from tests.faults.journal import Journal
from tests.faults.scene import Scene, stage

#: Dead and frozen programs are noticed as soon as the settings' own checks allow.
_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "POSTERN_WORKER_LEASE_SECONDS": "8.5",
        "POSTERN_WORKER_HANDLER_TIMEOUT_SECONDS": "0.5",
        # Tests hold commits one by one; chaos has deliveries share them.
        "POSTERN_WORKER_GROUP_MEMBERS": "1",
        "POSTERN_WORKER_EXPRESSION_TIMEOUT_SECONDS": "0.3",
        "POSTERN_GATEWAY_PUBLISH_GRACE_SECONDS": "1.5",
    }
)


class Rig:
    """A running system of two gateways and two workers, with its checker."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.checker = Checker(stack)
        self.hold = Holds(stack)

    @staticmethod
    def shape(*, kafka: bool) -> Shape:
        """Return what a rig's system consists of."""
        return Shape(kafka=kafka, gateways=2, workers=2, settings=_SETTINGS)

    def stage(self) -> Scene:
        """Return a webhook of its own, on a system at rest."""
        scene = stage(self.stack)
        self.checker.wait_until_quiet(scene)
        return scene

    def restore(self) -> None:
        """Start what was ended, resume what was frozen, release what was held."""
        system = self.stack.system
        system.postgres.start()
        if system.kafka is not None:
            system.kafka.start()
        self.hold.end()
        for name, program in system.programs.items():
            if program.exit_code is None:
                program.resume()
            else:
                self.stack.start(name)

    def assert_kept(self, scene: Scene, journal: Journal, *, quiet_seconds: float = 40) -> Report:
        """Assert that a run broke no promise; print its figures, shown by pytest -rP.

        Returns:
            What was found, for what else a test has to say of it.
        """
        report = self.checker.check(scene, journal, quiet_seconds=quiet_seconds)
        print(report)
        assert not report.violations, str(report)
        return report

    def pids(self) -> dict[str, int]:
        """Return the processes of our programs, to tell a restart from a recovery."""
        return {name: program.pid for name, program in self.stack.system.programs.items()}
