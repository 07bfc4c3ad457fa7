"""Which offset of a partition may be committed: never one behind which something is unfinished.

Pure. Kafka keeps one number for each partition and group: the offset from which to read after a
restart. Deliveries of a partition finish in any order, so the number may only follow the
contiguous run of finished ones.
"""

from collections import deque


class OffsetTracker:
    """What was received of one partition during one assignment, and what of it is finished."""

    __slots__ = ("_committed", "_next", "_unfinished", "_waiting")

    def __init__(self) -> None:
        #: Received in this order and not yet behind the position; the first one is unfinished.
        self._waiting: deque[int] = deque()
        self._unfinished: set[int] = set()
        #: One past the last received; None before the first.
        self._next: int | None = None
        self._committed: int | None = None

    def receive(self, offset: int) -> bool:
        """Note a received offset; False for one that was received before, in this assignment.

        Offsets rise, with gaps where Kafka keeps markers or has compacted records away.
        """
        if self._next is not None and offset < self._next:
            return False
        self._waiting.append(offset)
        self._unfinished.add(offset)
        self._next = offset + 1
        return True

    def is_behind(self, offset: int) -> bool:
        """Tell whether an offset stands before the last one received."""
        return self._next is not None and offset < self._next

    def finish(self, offset: int) -> None:
        """Note a finished offset; one that is not unfinished is no fault and changes nothing."""
        self._unfinished.discard(offset)
        while self._waiting and self._waiting[0] not in self._unfinished:
            self._waiting.popleft()

    @property
    def position(self) -> int | None:
        """The offset to read from after a restart; None before anything was received."""
        return self._waiting[0] if self._waiting else self._next

    @property
    def uncommitted(self) -> int | None:
        """The position where it moved since the last ``committed``, else None."""
        position = self.position
        return None if position == self._committed else position

    def committed(self, position: int) -> None:
        """Note that a position was committed."""
        self._committed = position

    @property
    def unfinished_count(self) -> int:
        """How many received offsets are not finished."""
        return len(self._unfinished)
