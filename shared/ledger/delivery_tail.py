"""Follows deliveries as they are recorded and as they change, without missing what commits late.

Ids and times tell when a request came, not when it was committed. What a reader has not seen yet
is told by transactions: of two moments it gets what was written by those that had ended by the
second and not by the first. That is exact whatever overtakes whatever. The search for it is
bounded by ids: from a while before the first moment on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import TenantId
from shared.ledger.delivery_search import DeliveryConditions, DeliverySearch, ListedDelivery

_QUERIES = Queries(__package__, "delivery_tail.sql")

#: A delivery is followed from its receipt on for so long: more than a gateway and a transaction
#: take to record it, and than clocks may differ.
FOLLOWED_SECONDS = 60
_STEP_SECONDS = 3.0
_SNAPSHOT = re.compile(r"\d{1,18}:\d{1,18}:(\d{1,18}(,\d{1,18})*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Moment:
    """Which transactions had ended at a moment."""

    #: As PostgreSQL writes a snapshot: oldest running, next to come, those that run in between.
    snapshot: str
    at_ms: int

    @classmethod
    def parse(cls, snapshot: str, at_ms: int) -> Self:
        """Return a moment from texts that came from outside.

        Raises:
            ValueError: It is none.
        """
        if not _SNAPSHOT.fullmatch(snapshot) or not 0 <= at_ms < 2**47:
            raise ValueError("not a moment")
        made = cls(snapshot, at_ms)
        oldest, following, running = made.parts()
        inside = [number for number in running if oldest <= number < following]
        if not 1 <= oldest <= following or sorted(set(inside)) != list(running):
            raise ValueError("not a snapshot")
        return made

    def parts(self) -> tuple[int, int, Sequence[int]]:
        """Return the oldest running transaction, the next to come, and those that run."""
        oldest, following, running = self.snapshot.split(":")
        return int(oldest), int(following), [int(one) for one in running.split(",") if one]

    def has_seen(self, writer: int, *, not_before: int) -> bool:
        """Tell whether a transaction had ended; of its number the lower 32 bits are known."""
        number = not_before + ((writer - not_before) & 0xFFFF_FFFF)
        oldest, following, running = self.parts()
        return number < oldest or (number < following and number not in running)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is to be read: between two moments, of the deliveries after an id."""

    since: Moment
    until: Moment
    after: UUID

    @classmethod
    def between(cls, since: Moment, until: Moment) -> Self:
        """Return all of it."""
        first_ms = max(since.at_ms - FOLLOWED_SECONDS * 1000, 0)
        return cls(since, until, UUID(int=first_ms << 80))


@dataclass(frozen=True, slots=True)
class Change:
    """A part of a stretch, as far as it was read."""

    deliveries: list[ListedDelivery]
    #: What is left of the stretch; None at its end.
    rest: Stretch | None


class DeliveryTail:
    """Reads changes of one tenant's deliveries, on one connection."""

    def __init__(
        self, connection: Connection, tenant_id: TenantId, webhook_id: UUID | None = None
    ) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._webhook_id = webhook_id

    async def now(self) -> Moment:
        """Return the present moment."""
        row = await self._connection.fetchrow(_QUERIES["now"])
        assert row is not None  # noqa: S101 - it has no condition
        return Moment(row["snapshot"], row["at_ms"])

    async def read(self, stretch: Stretch, wanted: DeliveryConditions, *, limit: int) -> Change:
        """Return up to ``limit`` deliveries of a stretch, in the order of ids, as they stand.

        One that has changed again since the stretch's end is left to the next stretch.
        """
        rows = await self._connection.fetch(
            _QUERIES["list_changed"],
            self._tenant_id,
            self._webhook_id,
            stretch.after,
            stretch.since.snapshot,
            stretch.until.snapshot,
            limit,
            timeout=_STEP_SECONDS,
        )
        ids = [row["delivery_id"] for row in rows]
        search = DeliverySearch(self._connection, self._tenant_id)
        found = await search.matching(ids, wanted, limit=limit)
        oldest, _, _ = stretch.since.parts()
        return Change(
            [one for one in found if stretch.until.has_seen(one.written_by, not_before=oldest)],
            Stretch(stretch.since, stretch.until, ids[-1]) if len(ids) == limit else None,
        )
