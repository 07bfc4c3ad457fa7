"""Does to the running system what a fault says, and undoes it."""

import contextlib
import secrets
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx

from deploy.local.control import wait_for
from shared.embedded.processes import wait_until
from tests.chaos.group_guest import join_and_leave, produce
from tests.chaos.lanes import Lane, changed_configuration
from tests.chaos.schedule import KAFKA, POSTGRES, Fault, FaultKind
from tests.chaos.system import ChaosSystem
from tests.e2e.harness import Stack
from tests.faults.injection import frozen_kafka, frozen_postgres

#: A gateway knows a new secret within 5 s of the rotation: its senders take it a little later.
_SECRET_KNOWN_SECONDS = 6.0
_OVERLAP_SECONDS = 300
_LONGEST_DELAY_SECONDS = 0.15
_LONGEST_JUMP_SECONDS = 3600.0
_READY_SECONDS = 30.0
#: A broker learns of a full disk when it writes next.
_DISK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault as it came about; times as in the journals."""

    fault: Fault
    began: float
    ended: float
    #: What became of it, where that is not plain; "void: ..." if it did not come about.
    note: str = ""

    @property
    def is_void(self) -> bool:
        """Whether the fault could not be injected, as a stranger cannot join a dead broker."""
        return self.note.startswith("void")

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.began:7.1f}-{self.ended:.1f} s {self.fault.kind} {self.fault.target}{note}"


class Injector:
    """Injects faults, many at a time, but one at a time into one target."""

    def __init__(self, stack: Stack, system: ChaosSystem, lanes: Sequence[Lane]) -> None:
        self._stack = stack
        self._system = system
        self._lanes = {lane.name: lane for lane in lanes}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._mark = secrets.token_hex(4)
        self.happened: list[Happened] = []
        #: Records on the topic that are no deliveries.
        self.garbage: list[str] = []
        self._kinds: Mapping[FaultKind, Callable[[Fault], str | None]] = {
            FaultKind.KILL: self._kill,
            FaultKind.RESTART: self._restart,
            FaultKind.FREEZE: self._freeze,
            FaultKind.CUT: self._cut,
            FaultKind.DELAY: self._delay,
            FaultKind.SWALLOW: self._swallow,
            FaultKind.REFUSE: self._refuse,
            FaultKind.DISK_FULL: self._disk_full,
            FaultKind.REBALANCE: self._rebalance,
            FaultKind.GARBAGE: self._garbage,
            FaultKind.CLOCK_JUMP: self._clock_jump,
            FaultKind.ROTATE: self._rotate,
            FaultKind.CONFIGURE: self._configure,
        }

    def inject(self, fault: Fault, now: Callable[[], float]) -> Happened:
        """Inject one fault and undo it when its time is over; waits until its target is free."""
        with self._locks[fault.target]:
            began = now()
            note = self._attempt(fault)
            happened = Happened(fault, began, now(), note)
        self.happened.append(happened)
        return happened

    def _attempt(self, fault: Fault) -> str:
        try:
            return self._kinds[fault.kind](fault) or ""
        except Exception as error:  # noqa: BLE001 - a run of hours is judged, whatever broke here
            traceback.print_exc()
            return f"void: {error!r}"

    def is_down_on_purpose(self, program: str) -> bool:
        """Whether a fault has the program in its hands just now."""
        return self._locks[program].locked()

    def restore(self) -> None:
        """Start whatever a fault could not bring back."""
        for target in (POSTGRES, KAFKA):
            self._stack.start(target)
        for name, program in self._system.programs.items():
            if program.exit_code is not None:
                self.start(name)

    def _kill(self, fault: Fault) -> None:
        self._stack.kill(fault.target)
        time.sleep(fault.seconds)
        self.start(fault.target)

    def _restart(self, fault: Fault) -> None:
        self._stack.stop(fault.target)
        time.sleep(fault.seconds)
        self.start(fault.target)

    def start(self, target: str) -> None:
        """Start something that has ended.

        A program is given time to be ready, but need not be: what it needs may be away as well.
        """
        if target in {POSTGRES, KAFKA}:
            self._stack.start(target)
            return
        program = self._system.programs[target]
        program.start()
        wait_until(
            lambda: program.exit_code is not None or program.readiness()[0],
            timeout_seconds=_READY_SECONDS,
        )

    def _freeze(self, fault: Fault) -> None:
        if fault.target == POSTGRES:
            frozen = frozen_postgres(self._stack)
        elif fault.target == KAFKA:
            frozen = frozen_kafka(self._stack)
        else:
            frozen = self._frozen_program(fault.target)
        with frozen:
            time.sleep(fault.seconds)

    @contextlib.contextmanager
    def _frozen_program(self, name: str) -> Iterator[None]:
        self._stack.pause(name)
        try:
            yield
        finally:
            self._stack.resume(name)

    def _cut(self, fault: Fault) -> str:
        share = 1.0 if fault.strength < 0.5 else 0.5
        return f"{self._system.proxy.cut(fault.target, share)} connections"

    def _delay(self, fault: Fault) -> str:
        latency = fault.strength * _LONGEST_DELAY_SECONDS
        with self._system.proxy.delayed(fault.target, latency):
            time.sleep(fault.seconds)
        return f"{latency * 1000:.0f} ms"

    def _swallow(self, fault: Fault) -> None:
        with self._system.proxy.swallowed(fault.target):
            time.sleep(fault.seconds)

    def _refuse(self, fault: Fault) -> None:
        with self._system.proxy.refused(fault.target):
            time.sleep(fault.seconds)

    def _disk_full(self, fault: Fault) -> str:
        kafka = self._system.kafka
        if kafka is None:
            raise RuntimeError("no broker runs")
        if not self._system.disk.directory.is_mount():
            return "void: no right to mount a disk of its own"
        with self._system.disk.filled():
            failed = wait_until(
                lambda: kafka.exit_code is not None, timeout_seconds=_DISK_SECONDS + fault.seconds
            )
        kafka.kill()
        kafka.start()
        return "the broker ended" if failed else "the broker went on"

    def _rebalance(self, fault: Fault) -> str:
        return join_and_leave(self._system.bootstrap, seconds=fault.seconds)

    def _garbage(self, fault: Fault) -> str:
        record = f"garbage {self._mark} {fault.number}"
        note = produce(self._system.bootstrap, record.encode())
        if not note.startswith("void"):
            self.garbage.append(record)
        return note

    def _clock_jump(self, fault: Fault) -> str:
        if fault.target not in self._system.clocks:
            return "void: no clock that can be set"
        jump = (fault.strength * 2 - 1) * _LONGEST_JUMP_SECONDS
        with self._system.clocks[fault.target].jumped(jump):
            time.sleep(fault.seconds)
        return f"{jump:+.0f} s"

    def _rotate(self, fault: Fault) -> str:
        lane = self._lanes[fault.target]
        url = f"/api/v1/inbound-webhooks/{lane.scene.webhook_id}/rotate-secret"
        answer, tries = self._insist("POST", url, {"overlap_seconds": _OVERLAP_SECONDS})
        time.sleep(_SECRET_KNOWN_SECONDS)
        lane.scene.secret = answer.json()["secret"]
        return f"{tries} tries"

    def _configure(self, fault: Fault) -> str:
        lane = self._lanes[fault.target]
        url = f"/api/v1/inbound-webhooks/{lane.scene.webhook_id}"
        body = changed_configuration(lane, variant=fault.number)
        _, tries = self._insist("PUT", url, body)
        return f"{tries} tries"

    def _insist(self, method: str, url: str, body: object) -> tuple[httpx.Response, int]:
        """Ask the control API until it says yes, as an admin would while it is away."""
        tries = 0

        def ask() -> httpx.Response | None:
            nonlocal tries
            tries += 1
            try:
                answer = self._stack.api.http.request(method, url, json=body)
            except httpx.TransportError:
                return None
            if answer.status_code < 500:
                answer.raise_for_status()
            return answer

        answer = wait_for(
            ask,
            lambda answer: answer is not None and answer.is_success,
            timeout_seconds=_OVERLAP_SECONDS / 3,
        )
        if answer is None:
            raise RuntimeError("no answer is no yes")
        return answer, tries
