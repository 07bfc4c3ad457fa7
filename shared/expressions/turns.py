"""Who gets the next free process: in turn by owner, and past those whose calls run long.

An evaluation cannot be interrupted but by its time limit, so that a few which run away would hold
every process for as long. An owner whose call ran long therefore stands apart for a while: of all
such owners together one call runs at a time, and only while another process stays ready.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

#: How long an owner stands apart after its latest long call.
PENALTY_SECONDS = 300.0
#: An owner is alone where no other has called for so long.
_ALONE_SECONDS = 10.0
_REMEMBERED_TURNS = 1000


class Worker(Protocol):
    """What is given out."""

    @property
    def has_ended(self) -> bool:
        """Whether it is of no more use."""

    def give_up(self) -> None:
        """Have it replaced."""


W = TypeVar("W", bound=Worker)


@dataclass(frozen=True, slots=True)
class Turn(Generic[W]):
    """A worker, for one call of an owner."""

    owner: Hashable
    worker: W
    is_apart: bool


class Turns(Generic[W]):
    """Gives workers to calls; for one event loop.

    Args:
        size: Calls at a time, besides one of owners that stand apart.
        clock: Seconds of a monotonic clock.
    """

    def __init__(self, size: int, *, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        # Last in, first out: the process used last has the expressions compiled already.
        self._idle: list[W] = []
        self._waiting: dict[Hashable, deque[asyncio.Future[Turn[W]]]] = {}
        #: Owners by their latest turn, the one longest ago first.
        self._latest_turns: OrderedDict[Hashable, int] = OrderedDict()
        self._turn_count = 0
        self._running: Counter[Hashable] = Counter()
        self._is_one_apart_running = False
        self._apart_until: dict[Hashable, float] = {}
        self._latest_owner: Hashable = None
        self._owner_changed_at = -_ALONE_SECONDS

    @property
    def idle(self) -> tuple[W, ...]:
        """The workers that wait for a call."""
        return tuple(self._idle)

    def add(self, worker: W) -> None:
        """Take in a worker that is ready for a call."""
        self._idle.append(worker)
        self._give_out()

    async def take(self, owner: Hashable) -> Turn[W]:
        """Wait for a turn; it has to be given back."""
        self._note(owner)
        turn: asyncio.Future[Turn[W]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._give_out()
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # given in the same moment
                self.give_back(turn.result(), is_ready=True)
            raise

    def give_back(self, turn: Turn[W], *, is_ready: bool) -> None:
        """End a turn; a worker that is not ready for another call has to be replaced."""
        if turn.is_apart:
            self._is_one_apart_running = False
        else:
            self._running[turn.owner] -= 1
            self._running += Counter()  # forgets owners without a call
        if is_ready:
            self._idle.append(turn.worker)
        else:
            turn.worker.give_up()
        self._give_out()

    def set_apart(self, owner: Hashable) -> None:
        """Note that a call of an owner ran long."""
        now = self._clock()
        self._apart_until = {
            other: until for other, until in self._apart_until.items() if until > now
        }
        self._apart_until[owner] = now + PENALTY_SECONDS

    def stands_apart(self, owner: Hashable) -> bool:
        """Return whether a call of an owner ran long not long ago."""
        return self._apart_until.get(owner, 0.0) > self._clock()

    def _note(self, owner: Hashable) -> None:
        if owner != self._latest_owner:
            self._latest_owner, self._owner_changed_at = owner, self._clock()

    def _give_out(self) -> None:
        """Give idle workers to those who wait, as long as there are both."""
        self._replace_ended()
        for is_apart in (False, True):
            while (waiting := self._next(is_apart=is_apart)) is not None:
                owner, turn = waiting
                turn.set_result(self._begin(owner, is_apart=is_apart))

    def _replace_ended(self) -> None:
        """Let go of workers that the kernel or an operator has killed."""
        for worker in self.idle:
            if worker.has_ended:
                self._idle.remove(worker)
                worker.give_up()

    def _next(self, *, is_apart: bool) -> tuple[Hashable, asyncio.Future[Turn[W]]] | None:
        """Return whose turn it is: among owners, his whose latest is longest ago."""
        for owner in sorted(self._waiting, key=lambda owner: self._latest_turns.get(owner, 0)):
            if self.stands_apart(owner) is not is_apart:
                continue
            if self._may_run(owner, is_apart=is_apart) and (turn := self._pop(owner)) is not None:
                return owner, turn
        return None

    def _may_run(self, owner: Hashable, *, is_apart: bool) -> bool:
        if is_apart:
            return not self._is_one_apart_running and len(self._idle) > 1
        is_alone = self._clock() - self._owner_changed_at >= _ALONE_SECONDS
        most_of_owner = self._size if is_alone else max(1, self._size - 1)
        return (
            bool(self._idle)
            and self._running.total() < self._size
            and self._running[owner] < most_of_owner
        )

    def _pop(self, owner: Hashable) -> asyncio.Future[Turn[W]] | None:
        turns = self._waiting.pop(owner)
        while turns:
            turn = turns.popleft()
            if not turn.cancelled():
                if turns:
                    self._waiting[owner] = turns
                return turn
        return None

    def _begin(self, owner: Hashable, *, is_apart: bool) -> Turn[W]:
        if is_apart:
            self._is_one_apart_running = True
        else:
            self._running[owner] += 1
        self._turn_count += 1
        self._latest_turns[owner] = self._turn_count
        self._latest_turns.move_to_end(owner)
        if len(self._latest_turns) > _REMEMBERED_TURNS:
            self._latest_turns.popitem(last=False)
        return Turn(owner, self._idle.pop(), is_apart)
