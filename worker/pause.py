"""How long to keep off a dependency that does not answer: longer each time."""

from collections.abc import Callable
from time import monotonic
from typing import ClassVar


class Pause:
    """Doubles from a quarter second to one while faults go on; one good answer ends it.

    A worker probes with a single delivery, so a short pause costs little, and PostgreSQL is used
    again within a second of its return.
    """

    FIRST_SECONDS: ClassVar[float] = 0.25
    LONGEST_SECONDS: ClassVar[float] = 1.0

    def __init__(self, monotonic: Callable[[], float] = monotonic) -> None:
        self._monotonic = monotonic
        self.fault: str | None = None
        self._delay_seconds = 0.0
        self._until = 0.0

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
        self.fault = None
        self._delay_seconds = 0.0
        self._until = 0.0

    def remaining_seconds(self) -> float:
        """Return how much of the pause is left; zero when none is on."""
        return max(self._until - self._monotonic(), 0.0)
