"""Clocks that jump: seen by a real child process, and by a worker that goes on with its work."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deploy.local.control import wait_for
from tests.e2e.harness import Shape, Stack
from tests.faults.checker import metric
from tests.faults.rig import Rig
from tests.faults.scene import Scene, stage
from tests.faults.wall_clock import WallClock, WallClockUnavailable, prepare_library

_CHILD = """
import asyncio, json, sys, threading, time
import uvloop

async def main():
    loop = asyncio.get_running_loop()
    done = threading.Event()
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.05)
        await asyncio.wait_for(asyncio.to_thread(done.wait, 0.05), 5)
        time.sleep(0.05)
        print(json.dumps([time.time(), time.monotonic(), time.monotonic() - before]), flush=True)

(uvloop if sys.argv[1] == "uvloop" else asyncio).run(main())
"""


@dataclass(frozen=True)
class Reading:
    """What a child says of its clocks, and how long a round of 0.15 s of waiting took it."""

    wall: float
    monotonic: float
    waited: float

    @property
    def offset(self) -> float:
        """The wall clock against the monotonic one, which is the same in all processes."""
        return self.wall - self.monotonic


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """A clock; where libfaketime cannot be had, the test is skipped."""
    clock = WallClock(tmp_path / "worker.clock")
    try:
        clock.environment()
    except WallClockUnavailable as error:
        pytest.skip(f"no libfaketime: {error}")
    return clock


@contextmanager
def child(clock: WallClock, loop: str) -> Iterator[Callable[[], Reading]]:
    """Run a child on the clock, which tells its times again and again."""
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, loop], env=clock.environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        lines = process.stdout

        def read() -> Reading:
            return Reading(*json.loads(lines.readline()))

        try:
            yield read
        finally:
            process.kill()


def read_at(read: Callable[[], Reading], offset: float) -> Reading:
    """Read until the wall clock is off by so much, but for the time to ask."""
    return wait_for(read, lambda now: abs(now.offset - offset) < 0.4)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_only_the_wall_clock_jumps(clock: WallClock, loop: str) -> None:
    """Forwards, back behind, and right again; timers of loop and threads keep their length."""
    with child(clock, loop) as read:
        readings = [read()]
        right = readings[0].offset
        for jump in (600, -600, 0):
            clock.jump(jump)
            readings.append(read_at(read, right + jump))
    times = [reading.monotonic for reading in readings]
    assert times == sorted(times)
    assert times[-1] - times[0] < 30
    assert all(0.14 < reading.waited < 5 for reading in readings)


def test_a_jump_ends_with_its_block(clock: WallClock) -> None:
    """The clock is right again after the block, also when that raised."""
    with child(clock, "asyncio") as read:
        right = read().offset
        with pytest.raises(LookupError), clock.jumped(-3600.5):
            assert_jumped_and_fail(read, right - 3600.5)
        read_at(read, right)


def assert_jumped_and_fail(read: Callable[[], Reading], offset: float) -> None:
    """Assert that the clock is off by so much, and raise."""
    read_at(read, offset)
    raise LookupError


def test_a_library_that_cannot_be_fetched_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without apt-get the error says what was tried, and nothing half-made is left."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WallClockUnavailable, match="apt-get"):
        prepare_library(tmp_path)
    assert not (tmp_path / ".postern" / "faketime" / "package").exists()


def test_a_worker_goes_on_when_its_clock_jumps(clock: WallClock, tmp_path: Path) -> None:
    """Deliveries are handled, and failed ones tried again, ten minutes ahead and ten behind."""
    shape = Shape(settings=Rig.shape(kafka=False).settings)
    with Stack(tmp_path / "stack", shape) as stack:
        worker = stack.system.programs["worker-1"]
        worker.environment.update(clock.environment())
        stack.restart("worker-1")
        scene = stage(stack)
        for jump in (600, -600):
            clock.jump(jump)
            # Ages are told by the worker's wall clock, and none is below zero.
            wait_for(
                lambda: told_age_seconds(stack, scene),
                (500.0).__lt__ if jump > 0 else (0.0).__eq__,
            )
            assert_tried_again(stack, scene)


def told_age_seconds(stack: Stack, scene: Scene) -> float:
    """Let the worker handle a delivery; return what it adds to the sum of their ages."""
    series = "postern_worker_accept_to_done_seconds_sum"
    operations_url = stack.system.programs["worker-1"].operations_url
    before = metric(operations_url, series)
    assert stack.api.finished(accepted(stack, scene))["dispatch_status"] == "dispatched"
    return metric(operations_url, series) - before


def assert_tried_again(stack: Stack, scene: Scene) -> None:
    """Let a delivery fail for want of the table; assert that it is soon handled all the same."""
    with psycopg.connect(stack.dsn) as connection:
        connection.execute("lock table psa.assets in exclusive mode")
        delivery_id = accepted(stack, scene)
        wait_for(lambda: stack.api.delivery(delivery_id), lambda one: one["retry_count"] > 0)
    assert stack.api.finished(delivery_id)["dispatch_status"] == "dispatched"


def accepted(stack: Stack, scene: Scene) -> str:
    """Send an event; return the delivery that it became."""
    body = scene.body(f"jump-{secrets.token_hex(4)}")
    answer = stack.http.post(
        stack.gateway_url() + scene.path, content=body, headers=scene.headers(body)
    )
    assert answer.status_code == 200
    delivery_id: str = answer.json()["delivery_id"]
    return delivery_id
