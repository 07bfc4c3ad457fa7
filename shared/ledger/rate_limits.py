"""Leases of rate-limit tokens, exact across gateway processes."""

from typing import NamedTuple
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "rate_limits.sql")


class Grant(NamedTuple):
    """Tokens leased, or how long until there is one."""

    tokens: int
    wait_seconds: float


class RateLimits:
    """Leases tokens on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lease(  # noqa: PLR0913 - the facts of one lease; named at every call
        self,
        *,
        tenant_id: UUID,
        webhook_id: UUID,
        gateway_id: UUID,
        per_minute: int,
        held: int,
        returned: int,
        wanted: int,
        lease_seconds: float,
    ) -> Grant:
        """Lease up to ``wanted`` tokens.

        Of earlier leases the process still holds ``held``, which it may go on using, and gives
        back ``returned``, which it has stopped using. ``lease_seconds`` counts from the call: the
        process must not use the tokens longer than that after having asked.
        """
        row = await self._connection.fetchrow(
            _QUERIES["lease"],
            tenant_id,
            webhook_id,
            gateway_id,
            per_minute,
            held,
            returned,
            wanted,
            lease_seconds,
        )
        if row is None:
            raise AssertionError("a function with out parameters returns a row")
        return Grant(row["granted"], row["wait_seconds"])
