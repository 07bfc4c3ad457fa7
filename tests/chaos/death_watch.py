"""Notices programs that end without being asked to, and starts them as any supervisor would."""

from tests.chaos.injector import Injector
from tests.chaos.system import ChaosSystem
from tests.faults.judgement import Breach, Violation

_SHOWN_CHARACTERS = 600


class DeathWatch:
    """Holds each such end against the run."""

    def __init__(self, system: ChaosSystem, injector: Injector) -> None:
        self._system = system
        self._injector = injector
        self.violations: list[Violation] = []

    def look(self, now: float) -> list[Violation]:
        """Return the deaths since the last look; ``now`` as in the journals."""
        found = []
        for name, program in self._system.programs.items():
            code = program.exit_code
            if code is None or self._injector.is_down_on_purpose(name):
                continue
            tail = program.log_tail(_SHOWN_CHARACTERS)
            detail = f"{name} ended with {code} at {now:.1f} s: {tail}"
            found.append(Violation(Breach.DIED, name, detail))
            program.start()
        self.violations += found
        return found
