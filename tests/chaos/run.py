"""One run: start everything, send, break things by the schedule, wait for quiet, judge."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.chaos import counted_workflow, schedule
from tests.chaos.death_watch import DeathWatch
from tests.chaos.injector import Happened, Injector
from tests.chaos.lanes import Lane, stage_lanes
from tests.chaos.schedule import Fault, draw_schedule
from tests.chaos.system import ChaosSystem
from tests.chaos.verdict import Verdict, give_verdict
from tests.e2e.harness import Shape, Stack
from tests.faults.checker import Checker
from tests.faults.traffic import Load

#: Freezes outlast a session, so that a worker comes back to partitions that others have.
#: Runs of workflows must not crowd out what else two cores have to do.
_SETTINGS = MappingProxyType(
    {"POSTERN_WORKER_KAFKA_SESSION_SECONDS": "6", "POSTERN_WORKER_WORKFLOW_CONCURRENCY": "4"}
)
_POSTGRES_SETTINGS = MappingProxyType({"max_connections": "300"})
_STUMBLE_SHARE = 0.02
_QUIET_SECONDS = 300.0
_SENDERS_SECONDS = 300.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """How much happens in a run, and which things: all of it follows from these."""

    seed: int
    fault_count: int
    deliveries: int
    per_second: float
    #: Of the events; above 0 workers have an engine, which takes a tenth of a core of each.
    workflow_share: float

    @property
    def seconds(self) -> float:
        """How long events are sent."""
        return self.deliveries / self.per_second

    def faults(self) -> list[Fault]:
        """Return the schedule."""
        return draw_schedule(self.seed, fault_count=self.fault_count, seconds=self.seconds)


class Run:
    """A run in a directory of its own, where its logs stay."""

    def __init__(self, directory: Path, plan: RunPlan, say: Say) -> None:
        self._directory = directory
        self._plan = plan
        self._say = say

    def execute(self) -> Verdict:
        """Return what came of it."""
        shape = Shape(
            kafka=True,
            gateways=len(schedule.GATEWAYS),
            workers=len(schedule.WORKERS),
            workflows=[counted_workflow.__name__] if self._plan.workflow_share else None,
            settings=_SETTINGS,
            postgres_settings=_POSTGRES_SETTINGS,
        )
        with Stack(self._directory, shape, system_of=ChaosSystem) as stack:
            system = stack.system
            assert isinstance(system, ChaosSystem)
            return self._on(stack, system)

    def _on(self, stack: Stack, system: ChaosSystem) -> Verdict:
        checker = Checker(stack, stumble_share=_STUMBLE_SHARE)
        lanes = stage_lanes(
            stack,
            system.gateways(),
            deliveries=self._plan.deliveries,
            per_second=self._plan.per_second,
            workflow_share=self._plan.workflow_share,
            seed=self._plan.seed,
        )
        injector = Injector(stack, system, lanes)
        deaths = DeathWatch(system, injector)
        self._say(f"{self._plan.deliveries} events in {self._plan.seconds:.0f} s begin")
        with self._sending(lanes) as loads:
            self._break(injector, deaths, loads)
            injector.restore()
            for load in loads.values():
                load.join()
        sent_seconds = next(iter(loads.values())).now
        self._say(f"all is sent after {sent_seconds:.0f} s; waiting for quiet")
        quiet_seconds = self._quiet(checker, lanes)
        return give_verdict(
            checker,
            [(lane, loads[lane.name].journal) for lane in lanes],
            injector,
            deaths=deaths.violations,
            seconds={"sending": sent_seconds, "until quiet": quiet_seconds},
            logs=self._directory / "logs",
        )

    @contextmanager
    def _sending(self, lanes: list[Lane]) -> Iterator[dict[str, Load]]:
        began = time.perf_counter()
        with ExitStack() as open_loads:
            yield {
                lane.name: open_loads.enter_context(
                    Load(lane.scene, lane.mix, finish_seconds=_SENDERS_SECONDS, began=began)
                )
                for lane in lanes
            }

    def _break(self, injector: Injector, deaths: DeathWatch, loads: dict[str, Load]) -> None:
        """Inject every fault at its time, and look meanwhile whether any program has died."""
        clock = next(iter(loads.values()))
        faults, pending = self._plan.faults(), list[Future[Happened]]()
        with ThreadPoolExecutor(max_workers=32, thread_name_prefix="fault") as threads:
            while faults or pending or _sending(loads):
                while faults and faults[0].at <= clock.now:
                    pending.append(
                        threads.submit(injector.inject, faults.pop(0), lambda: clock.now)
                    )
                for death in deaths.look(clock.now):
                    self._say(str(death))
                pending = [future for future in pending if not self._told(future)]
                time.sleep(0.05)

    def _told(self, future: Future[Happened]) -> bool:
        if not future.done():
            return False
        self._say(str(future.result()))
        return True

    def _quiet(self, checker: Checker, lanes: list[Lane]) -> float:
        began = time.perf_counter()
        for lane in lanes:
            left = _QUIET_SECONDS - (time.perf_counter() - began)
            try:
                checker.wait_until_quiet(lane.scene, timeout_seconds=max(left, 1))
            except TimeoutError as error:
                # What is unfinished shows in the verdict, by event.
                self._say(f"{lane.name} is not quiet: {error}")
        return time.perf_counter() - began


def _sending(loads: dict[str, Load]) -> bool:
    return any(load.is_sending for load in loads.values())
