"""Leases of rate-limit tokens, exact across gateway processes."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "rate_limits.sql")


class Grant(NamedTuple):
    """Tokens leased, or how long until there is one."""

    tokens: int
    wait_seconds: float


class Question(NamedTuple):
    """One webhook's tokens: what the process has of them, and what it would like."""

    tenant_id: UUID
    webhook_id: UUID
    per_minute: int
    #: Still held of earlier leases, to go on being used.
    held: int
    #: Given back: the process has stopped using them.
    returned: int
    #: More, at most.
    wanted: int


class RateLimits:
    """Leases tokens on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lease(
        self, questions: Sequence[Question], *, gateway_id: UUID, lease_seconds: float
    ) -> list[Grant]:
        """Lease tokens, one answer for each question, in one commit.

        ``lease_seconds`` counts from the call: the process must not use the tokens longer than
        that after having asked. Give questions sorted, see the statement.
        """
        rows = await self._connection.fetch(
            _QUERIES["lease"], *zip(*questions, strict=True), gateway_id, lease_seconds
        )
        return [Grant(row["granted"], row["wait_seconds"]) for row in rows]
