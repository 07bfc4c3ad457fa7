"""How due outbox rows are chosen: fairly among tenants, and for relays in runs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

import asyncpg

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "claims.sql")

#: Most tenants that one statement goes through: some 2 ms where none has anything due.
_TENANTS_PER_LOOK = 128
_BEFORE_ALL = UUID(int=0)


class Claims(Protocol):
    """A way to choose rows."""

    @property
    def may_have_more(self) -> bool:
        """Whether to claim again at once, though the last claim may have had nothing."""
        ...

    @property
    def passes_over(self) -> bool:
        """Whether the last claim left out tenants that have too much in hand."""
        ...

    async def claim(
        self, connection: Connection, limit: int, lease_seconds: float, held: Iterable[UUID]
    ) -> Sequence[asyncpg.Record]:
        """Lease up to ``limit`` rows; ``held`` names the tenant of each row in hand."""
        ...


class _Tour:
    """A way through all tenants that have rows, some at each look, and then from the start."""

    def __init__(self) -> None:
        self.after = _BEFORE_ALL
        self._has_found = False
        #: False when a whole tour has found nothing.
        self.may_have_more = False

    def go_on(self, rows: Sequence[asyncpg.Record], limit: int) -> list[asyncpg.Record]:
        """Note how far a look has come; return the rows that are leased."""
        leased = [row for row in rows if row["delivery_id"] is not None]
        self._has_found = self._has_found or len(leased) > 0
        self.may_have_more = True
        if len(leased) >= limit:
            self.after = max(row["tenant_id"] for row in leased)
        elif len(leased) < len(rows):
            self.after = rows[-1]["tenant_id"]
        else:
            self.after = _BEFORE_ALL
            self.may_have_more = self._has_found
            self._has_found = False
        return leased


class FairClaims:
    """The oldest rows while there are few, else from tenant to tenant.

    So a tenant with a million due rows stands in front of nobody. And a tenant never has more than
    ``max_of_tenant`` in hand here, so that slow ones do not take all that there is.
    """

    def __init__(self, *, max_of_tenant: int) -> None:
        self._max_of_tenant = max_of_tenant
        self._tour = _Tour()
        self._is_crowded = False
        #: Whether the last claim left out tenants that have too much in hand.
        self.passes_over = False

    @property
    def may_have_more(self) -> bool:
        """Whether to claim again at once."""
        return self._tour.may_have_more

    async def claim(
        self, connection: Connection, limit: int, lease_seconds: float, held: Iterable[UUID]
    ) -> Sequence[asyncpg.Record]:
        """Lease rows that are the first of their ordering key."""
        full = [tenant for tenant, count in Counter(held).items() if count >= self._max_of_tenant]
        self.passes_over = len(full) > 0
        if not (full or self._is_crowded):
            rows = await connection.fetch(_QUERIES["claim_due"], limit, lease_seconds)
            self._is_crowded = len(rows) >= limit
            return rows
        rows = await connection.fetch(
            _QUERIES["claim_across"],
            limit,
            lease_seconds,
            self._tour.after,
            full,
            (limit + 1) // 2,
            _TENANTS_PER_LOOK,
        )
        leased = self._tour.go_on(rows, limit)
        self._is_crowded = self._tour.may_have_more
        return leased


class RunClaims:
    """From tenant to tenant, and of an ordering key as many as there are: for a relay.

    One relay claims at a time, for a few milliseconds; the others send meanwhile.
    """

    #: What a relay has in hand is gone before it claims again.
    passes_over = False

    def __init__(self) -> None:
        self._tour = _Tour()

    @property
    def may_have_more(self) -> bool:
        """Whether to claim again at once."""
        return self._tour.may_have_more

    async def claim(
        self, connection: Connection, limit: int, lease_seconds: float, held: Iterable[UUID]
    ) -> Sequence[asyncpg.Record]:
        """Lease rows in the order of their ordering keys; none while another relay claims."""
        del held  # nothing is
        async with connection.transaction():
            if not await connection.fetchval(_QUERIES["become_claimant"]):
                return ()
            rows = await connection.fetch(
                _QUERIES["claim_runs"],
                limit,
                lease_seconds,
                self._tour.after,
                (limit + 1) // 2,
                _TENANTS_PER_LOOK,
            )
        return self._tour.go_on(rows, limit)
