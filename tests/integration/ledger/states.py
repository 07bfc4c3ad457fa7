"""What a model of the ledger consists of. Pure; time is a number of seconds."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import NamedTuple
from uuid import UUID

from shared.domain.delivery import DispatchStatus

RETRY_SECONDS = 60
BREAKER_FAILURES = 2
HOLD_SECONDS = 600
LONGEST_HOLD_SECONDS = 1200
PROBE_SECONDS = 60
LONGEST_HELD_SECONDS = 600
CHAIN_SECONDS = 30
#: Moments are compared on this grid: longer than any step takes, and no two events are nearer.
GRID_SECONDS = 30

ENDED = frozenset({DispatchStatus.DISPATCHED, DispatchStatus.FAILED})


class Ending(StrEnum):
    """How a handler ends, or its worker."""

    DONE = "done"
    RETRY = "retry"
    REJECT = "reject"
    DIE = "die"


@dataclass
class Script:
    """How the handlers that one worker calls end."""

    endings: dict[UUID, Ending]
    rest: Ending = Ending.DONE

    def next(self, delivery_id: UUID) -> Ending:
        """Return the next ending; one that is named counts once."""
        return self.endings.pop(delivery_id, self.rest)


class Copy(NamedTuple):
    """A delivery as a worker has it in hand, however old."""

    delivery_id: UUID
    attempt: int


class Lease(NamedTuple):
    """An outbox row as it was claimed."""

    delivery_id: UUID
    attempt: int
    ticket: int


class Arrival(NamedTuple):
    """A request about to be recorded."""

    delivery_id: UUID
    webhook: UUID
    key: str | None
    line: str | None


@dataclass(frozen=True)
class Rules:
    """A webhook."""

    max_attempts: int
    window_seconds: int


@dataclass
class Delivery:
    webhook: UUID
    key: str | None
    line: str | None
    received_at: int
    status: DispatchStatus = DispatchStatus.PENDING
    retry_count: int = 0
    next_at: int | None = None
    first_id: UUID | None = None


@dataclass
class Row:
    attempt: int
    due_at: int
    #: Zero as first written; another one each time it is written anew.
    ticket: int = 0
    held_for: UUID | None = None


@dataclass
class Key:
    holder: UUID
    expires_at: int


@dataclass
class Place:
    delivery_id: UUID
    has_turn: bool = False
    is_parked: bool = False


@dataclass
class Breaker:
    last: UUID
    failures: int = 1
    hold_seconds: int = HOLD_SECONDS
    probe_at: int | None = None
    held_count: int = 0
    probe_id: UUID | None = None
    probe_until: int | None = None

    @property
    def is_open(self) -> bool:
        return self.probe_at is not None

    def lets_probe(self, delivery_id: UUID, now: int) -> bool:
        is_free = self.probe_id in {None, delivery_id} or (self.probe_until or 0) <= now
        return self.probe_at is not None and self.probe_at <= now and is_free

    def end_probe(self, delivery_id: UUID) -> None:
        if self.probe_id == delivery_id:
            self.probe_id = self.probe_until = None


def on_grid(seconds: float | None) -> int | None:
    """Return a moment, in seconds from now, as it is compared."""
    return None if seconds is None else ceil(seconds / GRID_SECONDS) * GRID_SECONDS
