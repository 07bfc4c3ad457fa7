"""How long to keep off a dependency that does not answer, and how to come back to it."""

from collections.abc import Callable
from time import monotonic
from typing import ClassVar


class Pause:
    """Doubles from a quarter second to a half while faults go on; one good answer ends it.

    A worker probes with a single delivery, so a short pause costs little. PostgreSQL has to be in
    full use within two seconds of its return, and what waited meanwhile needs its part of them.
    """

    FIRST_SECONDS: ClassVar[float] = 0.25
    LONGEST_SECONDS: ClassVar[float] = 0.5
    #: After the first good answer twice as many may use it at each step. A server that has just
    #: started makes its first connections slowly, and all at once they hold each other up.
    STEP_SECONDS: ClassVar[float] = 0.1

    def __init__(self, monotonic: Callable[[], float] = monotonic) -> None:
        self._monotonic = monotonic
        self.fault: str | None = None
        self._delay_seconds = 0.0
        self._until = 0.0
        self._ended_at: float | None = None

    def begin(self, fault: str) -> float:
        """Note a fault; return how long to keep off.

        Faults met while a pause is on belong to the same outage and do not lengthen it.
        """
        now = self._monotonic()
        self.fault = fault
        if now >= self._until:
            doubled = max(self._delay_seconds * 2, self.FIRST_SECONDS)
            self._delay_seconds = min(doubled, self.LONGEST_SECONDS)
            self._until = now + self._delay_seconds
        return self._delay_seconds

    def end(self) -> None:
        """Note a good answer."""
        if self.fault is not None:
            self._ended_at = self._monotonic()
        self.fault = None
        self._delay_seconds = 0.0
        self._until = 0.0

    def remaining_seconds(self) -> float:
        """Return how much of the pause is left; zero when none is on."""
        return max(self._until - self._monotonic(), 0.0)

    def allowed(self, most: int) -> int:
        """Return how many may use it at a time: one alone while faults go on, then ever more."""
        if self.fault is not None:
            return 1
        if self._ended_at is None:
            return most
        steps = min(int((self._monotonic() - self._ended_at) / self.STEP_SECONDS), 30)
        if 2 << steps >= most:
            self._ended_at = None
        return min(2 << steps, most)
