"""Expectations on who gets the next process, without processes."""

import asyncio
from collections.abc import Coroutine

import pytest

from shared.expressions.turns import PENALTY_SECONDS, Turn, Turns


class _Worker:
    def __init__(self, name: str) -> None:
        self.name = name
        self.has_ended = False
        self.is_given_up = False

    def give_up(self) -> None:
        self.is_given_up = True


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class _Scene:
    """Turns with ready workers, and the calls that ask for them."""

    def __init__(self, size: int, workers: int) -> None:
        self.clock = _Clock()
        self.turns: Turns[_Worker] = Turns(size, clock=self.clock)
        self.workers = [_Worker(str(number)) for number in range(workers)]
        for worker in self.workers:
            self.turns.add(worker)
        self.given: list[Turn[_Worker]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, *owners: str) -> list[str]:
        """Ask for a turn for each owner; return whose calls run then."""
        for owner in owners:
            self._start(self._take(owner))
        return await self.running()

    async def running(self) -> list[str]:
        for _ in range(5):
            await asyncio.sleep(0)
        return [str(turn.owner) for turn in self.given]

    async def end(self, owner: str, *, is_ready: bool = True) -> list[str]:
        """End an owner's oldest call; return whose calls run then."""
        turn = next(turn for turn in self.given if turn.owner == owner)
        self.given.remove(turn)
        self.turns.give_back(turn, is_ready=is_ready)
        return await self.running()

    async def cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, call: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(call)
        self._tasks.add(task)

    async def _take(self, owner: str) -> None:
        self.given.append(await self.turns.take(owner))


async def test_owners_have_turns() -> None:
    """A crowd of one owner does not stand in front of another's single call."""
    scene = _Scene(size=1, workers=2)
    assert await scene.ask("crowd", "crowd", "crowd", "other") == ["crowd"]

    assert await scene.end("crowd") == ["other"]
    assert await scene.end("other") == ["crowd"]
    assert await scene.end("crowd") == ["crowd"]


async def test_one_owner_leaves_a_turn_to_the_others() -> None:
    """Of several turns one stays free where there are others to use it."""
    scene = _Scene(size=2, workers=3)
    await scene.ask("other")
    await scene.end("other")

    assert await scene.ask("crowd", "crowd") == ["crowd"]
    assert await scene.ask("other") == ["crowd", "other"]


async def test_an_owner_alone_has_all_turns() -> None:
    """Nobody else has called for a while: then nothing is kept free."""
    scene = _Scene(size=2, workers=3)
    await scene.ask("single")
    await scene.end("single")
    scene.clock.now += 60

    assert await scene.ask("single", "single", "single") == ["single", "single"]


async def test_owners_that_stand_apart_have_one_call_at_a_time() -> None:
    """Together, and besides the turns of the others."""
    scene = _Scene(size=2, workers=4)
    scene.turns.set_apart("slow")
    scene.turns.set_apart("slower")

    assert await scene.ask("slow", "slower") == ["slow"]
    assert await scene.ask("a", "b", "c") == ["slow", "a", "b"]
    assert await scene.end("slow") == ["a", "b", "slower"]


async def test_a_call_that_stands_apart_leaves_a_process_ready() -> None:
    """While the others wait for nothing, it waits for a second process."""
    scene = _Scene(size=1, workers=1)
    scene.turns.set_apart("slow")

    assert await scene.ask("slow") == []
    scene.turns.add(_Worker("new"))
    assert await scene.running() == ["slow"]
    assert await scene.ask("other") == ["slow", "other"]


async def test_calls_that_wait_stand_apart_once_one_of_them_ran_long() -> None:
    """A burst that was let in as a stranger's is not let through as such."""
    scene = _Scene(size=1, workers=2)
    assert await scene.ask("slow", "slow", "other") == ["slow"]
    scene.turns.set_apart("slow")

    assert await scene.end("slow", is_ready=False) == ["other"]
    assert await scene.end("other") == []
    scene.turns.add(_Worker("new"))
    assert await scene.running() == ["slow"]


async def test_standing_apart_ends() -> None:
    """Some minutes after the latest long call."""
    scene = _Scene(size=1, workers=1)
    scene.turns.set_apart("slow")
    scene.clock.now += PENALTY_SECONDS / 2
    scene.turns.set_apart("slow")
    scene.clock.now += PENALTY_SECONDS - 1
    assert scene.turns.stands_apart("slow")

    scene.clock.now += 1
    assert not scene.turns.stands_apart("slow")
    assert await scene.ask("slow") == ["slow"]


async def test_a_worker_that_is_not_ready_is_replaced() -> None:
    """It is told so, and nobody gets it."""
    scene = _Scene(size=1, workers=1)
    await scene.ask("a", "b")

    assert await scene.end("a", is_ready=False) == []
    assert scene.workers[0].is_given_up


async def test_a_worker_that_has_ended_is_passed_over() -> None:
    """Killed while idle: no call pays for it."""
    scene = _Scene(size=1, workers=2)
    scene.workers[1].has_ended = True

    await scene.ask("a")
    assert [turn.worker.name for turn in scene.given] == ["0"]
    assert scene.workers[1].is_given_up


async def test_the_worker_used_last_is_used_next() -> None:
    """It has the expressions compiled already."""
    scene = _Scene(size=1, workers=3)
    for _ in range(3):
        await scene.ask("a")
        assert scene.given[0].worker.name == "2"
        await scene.end("a")


@pytest.mark.parametrize("ready_first", [False, True])
async def test_a_call_that_is_given_up_takes_no_turn(ready_first: bool) -> None:
    """Neither while it waits, nor in the moment in which it gets its turn."""
    scene = _Scene(size=1, workers=0)
    await scene.ask("a", "b")
    if ready_first:
        scene.turns.add(_Worker("new"))
    await scene.cancel_all()
    if not ready_first:
        scene.turns.add(_Worker("new"))

    assert scene.given == []
    assert await scene.ask("c") == ["c"]
    assert await scene.end("c") == []
    assert await scene.ask("c") == ["c"]


async def test_owners_are_forgotten() -> None:
    """What is known of owners does not grow with their number."""
    scene = _Scene(size=1, workers=1)
    for number in range(50):
        owner = str(number)
        scene.turns.set_apart(owner)
        scene.clock.now += PENALTY_SECONDS + 1
        await scene.ask(owner)
        await scene.end(owner)

    assert not scene.turns._running
    assert not scene.turns._waiting
    assert len(scene.turns._apart_until) == 1
