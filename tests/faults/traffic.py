"""Signed traffic at a steady rate, from senders that may try again; every answer is kept."""

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Self

import orjson

from deploy.local.control import wait_for
from tests.faults.connections import CONNECTION_FAULTS, Connections, Response
from tests.faults.journal import Answer, Journal, Kind
from tests.faults.scene import Gateway, Scene
from tests.faults.starvation import Watch

_TICK_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What is sent, and how senders behave."""

    per_second: float = 50.0
    #: Stop by itself after so many events; None: when told to.
    event_count: int | None = None
    #: Share of events that are sent several times at once.
    twin_share: float = 0.1
    twin_count: int = 3
    #: Share of events that are sent again later.
    repeat_share: float = 0.1
    repeat_after_seconds: tuple[float, float] = (0.1, 2.0)
    #: Share of events that come with a wrong signature.
    forged_share: float = 0.03
    #: Share of events that no handler can do anything with.
    faulty_share: float = 0.0
    #: Above 0: so many lines, in each of which an event is sent once the one before it is kept.
    line_count: int = 0
    #: How often a sender tries while no final answer comes; 1: it never tries again.
    tries: int = 60
    retry_pause_seconds: float = 0.25
    #: When a sender stops waiting for an answer.
    patience_seconds: float = 5.0
    #: Same seed, same events; their ids are fresh in every run.
    seed: int = 1


class Traffic:
    """Sends the events of one run."""

    def __init__(
        self, scene: Scene, mix: Mix, journal: Journal, *, began: float | None = None
    ) -> None:
        self._scene = scene
        self._mix = mix
        self._journal = journal
        self._mark = secrets.token_hex(4)
        self._pools = {
            gateway.name: Connections(gateway.host, gateway.port) for gateway in scene.gateways
        }
        self._began = time.perf_counter() if began is None else began

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop or all is sent; then wait for every sender to come to an end."""
        try:
            async with asyncio.TaskGroup() as watch:
                watcher = watch.create_task(self._watch_machine())
                async with asyncio.TaskGroup() as senders:
                    await self._pace(senders, stop)
                watcher.cancel()
        finally:
            for pool in self._pools.values():
                pool.close()

    async def _watch_machine(self) -> None:
        """Note when this loop gets no processor, and when gateways get none.

        In the one case answers wait for us, and not we for them.
        """
        watches = {gateway.name: Watch(gateway.find_pid) for gateway in self._scene.gateways}
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_SECONDS)
            ended = time.perf_counter()
            if ended - began > 2 * _TICK_SECONDS:
                due = began + _TICK_SECONDS
                self._journal.stalls.append((due - self._began, ended - self._began))
            for name, watch in watches.items():
                if (waited := watch.look()) > _TICK_SECONDS / 2:
                    span = (began - self._began, ended - self._began)
                    self._journal.starved[name].append((*span, waited))

    async def _pace(self, senders: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        lines = self._mix.line_count
        for line in range(lines):
            senders.create_task(self._line(line, stop))
        if lines:
            return
        began, number = time.perf_counter(), 0
        while not stop.is_set() and number != self._mix.event_count:
            senders.create_task(self._event(f"{self._mark}-{number}"))
            number += 1
            ahead = began + number / self._mix.per_second - time.perf_counter()
            await asyncio.sleep(max(ahead, 0))

    async def _line(self, line: int, stop: asyncio.Event) -> None:
        """Send every so manyth event, each once the one before it is kept."""
        began, count = time.perf_counter(), self._mix.line_count
        number = line
        while not stop.is_set() and (
            self._mix.event_count is None or number < self._mix.event_count
        ):
            await self._event(f"{self._mark}-{line}-{number}")
            number += count
            ahead = began + number / self._mix.per_second - time.perf_counter()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(ahead, 0.001))

    async def _event(self, event_id: str) -> None:
        # By event, not by run: what is drawn must not hang on who was answered first.
        chance = Random(f"{self._mix.seed}/{event_id.partition('-')[2]}")
        draw = chance.random()
        for kind, share in (
            (Kind.FORGED, self._mix.forged_share),
            (Kind.FAULTY, self._mix.faulty_share),
        ):
            if draw < share:
                await self._deliver(event_id, kind, chance)
                return
            draw -= share
        twins = self._mix.twin_count - 1 if chance.random() < self._mix.twin_share else 0
        repeated = chance.random() < self._mix.repeat_share
        later = chance.uniform(*self._mix.repeat_after_seconds)
        async with asyncio.TaskGroup() as copies:
            copies.create_task(self._deliver(event_id, Kind.FIRST, chance))
            for _ in range(twins):
                copies.create_task(self._deliver(event_id, Kind.TWIN, chance))
        if repeated:
            await asyncio.sleep(later)
            await self._deliver(event_id, Kind.REPEAT, chance)

    async def _deliver(self, event_id: str, kind: Kind, chance: Random) -> None:
        """Send until the answer is final: accepted, or refused for what it is."""
        for _ in range(self._mix.tries):
            answer = await self._send(event_id, kind, chance.choice(self._scene.gateways))
            self._journal.add(answer)
            if answer.status is not None and answer.status not in {429, 503}:
                return
            await asyncio.sleep(self._mix.retry_pause_seconds)

    async def _send(self, event_id: str, kind: Kind, gateway: Gateway) -> Answer:
        body = self._scene.body(event_id, faulty=kind is Kind.FAULTY)
        headers = self._scene.headers(body, forged=kind is Kind.FORGED)
        started = time.perf_counter()
        answer: dict[str, Any]
        try:
            response = await self._pools[gateway.name].post(
                self._scene.path, body, headers, timeout_seconds=self._mix.patience_seconds
            )
        except TimeoutError:
            answer = {"fault": "time-out"}
        except CONNECTION_FAULTS as error:
            answer = {"fault": type(error).__name__}
        else:
            answer = _facts(response)
        now = time.perf_counter()
        return Answer(
            event_id=event_id,
            kind=kind,
            gateway=gateway.name,
            at=now - self._began,
            latency_seconds=now - started,
            **answer,
        )


def _facts(response: Response) -> dict[str, Any]:
    told = orjson.loads(response.body) if response.body else {}
    return {
        "status": response.status,
        "delivery_id": told.get("delivery_id"),
        "duplicate": told.get("duplicate", False),
        "retry_after": response.headers.get("retry-after"),
    }


class Load:
    """Traffic in a thread of its own, while the caller breaks things.

    As in::

    with Load(scene, Mix(per_second=50)) as load:
        load.wait_accepted(50)
        stack.kill("gateway-1")
    """

    def __init__(
        self,
        scene: Scene,
        mix: Mix,
        *,
        finish_seconds: float = 60.0,
        began: float | None = None,
    ) -> None:
        """``began``: the journal's zero, by ``time.perf_counter``; now without it."""
        self.journal = Journal()
        self._scene = scene
        self._mix = mix
        self._finish_seconds = finish_seconds
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._stop: Callable[[], object] = lambda: None
        self._started = threading.Event()
        self._began = began
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self.join()

    @property
    def now(self) -> float:
        """Seconds since the traffic began, as in the journal."""
        return time.perf_counter() - (self._began or 0.0)

    @property
    def is_sending(self) -> bool:
        """Whether any sender has not come to its end."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait until every sender has come to an end.

        Raises:
            TimeoutError: Some still try.
        """
        self._thread.join(self._finish_seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"senders still try: {self.journal.summary()}")
        if self._error is not None:
            raise self._error

    def wait_answers(self, count: int, *, timeout_seconds: float = 30) -> None:
        """Wait until so many requests were answered, whatever the answer."""
        wait_for(
            lambda: len(self.journal.where(lambda answer: answer.status is not None)),
            lambda answered: answered >= count,
            timeout_seconds=timeout_seconds,
        )

    def wait_accepted(
        self, count: int, *, since: float = 0.0, timeout_seconds: float = 30
    ) -> float:
        """Wait until so many requests were accepted after a moment; return how long that took."""
        waiting_since = self.now
        wait_for(
            lambda: sum(answer.accepted and answer.at >= since for answer in self.journal.answers),
            lambda accepted: accepted >= count,
            timeout_seconds=timeout_seconds,
        )
        return self.now - waiting_since

    def go_on_for(self, seconds: float) -> None:
        """Let time pass: the length of an outage, not a wait for something."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as error:  # noqa: BLE001 - raised again by the owner's thread
            self._error = error
        finally:
            self._started.set()

    async def _send(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        # The loop may have ended by the time of the call.
        self._stop = lambda: self._thread.is_alive() and loop.call_soon_threadsafe(stop.set)
        self._began = time.perf_counter() if self._began is None else self._began
        self._started.set()
        traffic = Traffic(self._scene, self._mix, self.journal, began=self._began)
        await traffic.run(stop)
