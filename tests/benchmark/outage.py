"""An outage of Kafka under load: the broker is killed, away, back, and the backlog drained."""

import time
from dataclasses import dataclass
from time import perf_counter

from shared.clock import unix_ms
from shared.embedded.kafka import EmbeddedKafka
from tests.benchmark import usage
from tests.benchmark.effects import Effects
from tests.benchmark.steady import SteadyLoad
from tests.benchmark.system import System

_WARM_UP_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_TELL_SECONDS = 10.0
_CALM_PER_SECOND = 1.0


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Where everything stood at a moment."""

    at: float
    answers: int
    handled: int
    pending: int
    #: CPU seconds so far, by what used them.
    cpu: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Story:
    """The moments that matter."""

    killed: Mark
    returned: Mark
    #: Or when that took too long.
    drained: Mark
    is_drained: bool

    @property
    def drain_seconds(self) -> float:
        """From the broker's return until nothing older was unhandled."""
        return self.drained.at - self.returned.at

    @property
    def work_per_second(self) -> float:
        """Backlog and arrivals of the drain by its time."""
        arrived = self.drained.answers - self.returned.answers
        return (self.returned.pending + arrived) / self.drain_seconds

    @property
    def handled_per_second(self) -> float:
        """What was really handled in that time, by it."""
        return (self.drained.handled - self.returned.handled) / self.drain_seconds


class Outage:
    """Kills the broker of a system under load, and brings it back."""

    def __init__(self, system: System, load: SteadyLoad, effects: Effects) -> None:
        self._system = system
        self._load = load
        self._effects = effects

    def run(self, seconds: float, *, calm_after: bool = False) -> Story:
        """Break, wait, mend and wait again, after the mending with few arrivals if so told."""
        self._let_pass(_WARM_UP_SECONDS)
        killed = self._mark()
        self._kafka.kill()
        self._let_pass(seconds)
        self._kafka.start()
        returned_ms = unix_ms()
        if calm_after:
            self._load.per_second = _CALM_PER_SECOND
        returned = self._mark()
        print(f"the broker is back; {returned.pending:,} deliveries wait", flush=True)
        # Long enough for what misses the bound by half.
        is_drained = self._wait_drained(returned_ms, limit_seconds=60 + 3 * seconds)
        return Story(killed=killed, returned=returned, drained=self._mark(), is_drained=is_drained)

    @property
    def _kafka(self) -> EmbeddedKafka:
        if self._system.stack.kafka is None:
            raise RuntimeError("no broker runs")
        return self._system.stack.kafka

    def _let_pass(self, seconds: float) -> None:
        end = perf_counter() + seconds
        while perf_counter() < end:
            self._load.check()
            time.sleep(_LOOK_SECONDS)

    def _wait_drained(self, moment_ms: int, *, limit_seconds: float) -> bool:
        def is_drained() -> bool:
            oldest = self._effects.oldest_pending_ms()
            return oldest is None or oldest >= moment_ms

        began = told = perf_counter()
        handled = self._effects.so_far()
        while not is_drained() and perf_counter() - began < limit_seconds:
            self._load.check()
            if perf_counter() - told >= _TELL_SECONDS:
                seconds, told = perf_counter() - told, perf_counter()
                before, handled = handled, self._effects.so_far()
                rate = (handled - before) / seconds
                print(f"{told - began:6.0f} s: {rate:,.0f} handled a second", flush=True)
            time.sleep(_LOOK_SECONDS)
        return is_drained()

    def _mark(self) -> Mark:
        return Mark(
            at=perf_counter(),
            answers=self._load.answer_count,
            handled=self._effects.count(),
            pending=self._effects.pending_count(),
            cpu=_cpu(self._system),
        )


def _cpu(system: System) -> dict[str, float]:
    stack = system.stack
    pids = {name: program.pid for name, program in stack.programs.items()}
    pids |= {
        "PostgreSQL": stack.postgres.pid or 0,
        "Kafka": (stack.kafka and stack.kafka.pid) or 0,
    }
    seconds = {name: usage.cpu_seconds(pid) for name, pid in pids.items()}
    return {**seconds, "generator": time.process_time()}
