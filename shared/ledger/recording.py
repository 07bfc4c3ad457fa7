"""Recording of requests, many in one statement and one commit."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "recording.sql")


@dataclass(eq=False, slots=True)
class Origin:
    """What requests of one sender to one webhook have in common.

    Compared by identity: whoever uses one object for many requests sends its columns once.
    """

    tenant_id: UUID
    webhook_id: UUID
    webhook_version: int
    secret_id: UUID | None
    method: str
    #: With its query; a path token is masked.
    path: str
    source_address: str
    idempotency_window_seconds: int


_ORIGIN_COLUMNS = [column.name for column in fields(Origin)]


class AcceptedRow(NamedTuple):
    """One accepted request."""

    delivery_id: UUID
    origin: Origin
    received_ms: int
    headers: bytes
    body: bytes
    idempotency_key: str | None
    #: Why no key could be taken, where one was wanted.
    idempotency_fault: str | None
    #: Deliveries that share one are handled in the order in which they are recorded.
    ordering_key: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """One refused request; refused without being authenticated, it has no body."""

    tenant_id: UUID
    delivery_id: UUID
    #: None: the tenant has no such webhook.
    webhook_id: UUID | None
    webhook_version: int | None
    received_ms: int
    method: str
    path: str
    headers: bytes
    body: bytes | None
    source_address: str
    auth_status: str
    response_status: int
    #: JSON text.
    outcome: str


_REFUSED_COLUMNS = [column.name for column in fields(RefusedRow)]


class Recording:
    """Writes requests on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record_accepted(
        self, rows: Sequence[AcceptedRow], *, outbox_delay_seconds: float
    ) -> dict[UUID, UUID]:
        """Record deliveries with keys and outbox rows; return id -> first id for the duplicates.

        Each row is recorded whole or not at all. A row whose key is held by an earlier delivery is
        recorded as its duplicate. After an unknown outcome use ``record_again``: to let the same
        rows through here twice would cost PostgreSQL a fifth of the whole.
        """
        arguments = _columns(rows, outbox_delay_seconds)
        taken = await self._connection.fetch(_QUERIES["record_accepted"], *arguments)
        if not taken:
            return {}
        repeated = {record["delivery_id"] for record in taken}
        arguments = _columns(
            [row for row in rows if row.delivery_id in repeated], outbox_delay_seconds
        )
        holders = await self._connection.fetch(_QUERIES["record_repeated"], *arguments)
        return {own: holder for own, holder in holders if own != holder}

    async def record_again(
        self, rows: Sequence[AcceptedRow], *, outbox_delay_seconds: float
    ) -> dict[UUID, UUID]:
        """Like ``record_accepted``, for rows of which any may be recorded already.

        Raises:
            asyncpg.UniqueViolationError: The earlier try ended meanwhile; do this again.
        """
        known = await self._connection.fetch(
            _QUERIES["list_recorded"],
            [row.origin.tenant_id for row in rows],
            [row.delivery_id for row in rows],
        )
        first_of = {record["delivery_id"]: record["duplicate_of"] for record in known}
        duplicates = {own: first for own, first in first_of.items() if first is not None}
        rest = [row for row in rows if row.delivery_id not in first_of]
        if rest:
            duplicates |= await self.record_accepted(
                rest, outbox_delay_seconds=outbox_delay_seconds
            )
        return duplicates

    async def record_refused(self, rows: Sequence[RefusedRow]) -> None:
        """Record refused requests as failed deliveries."""
        await self._connection.execute(
            _QUERIES["record_refused"],
            *([getattr(row, column) for row in rows] for column in _REFUSED_COLUMNS),
        )


def _columns(rows: Sequence[AcceptedRow], outbox_delay_seconds: float) -> list[object]:
    """Return the statement's arguments: row columns, and each distinct origin once."""
    ids, origins, received, headers, bodies, keys, faults, ordering = zip(*rows, strict=True)
    # Positions are one-based, as array subscripts are.
    position = {origin: number for number, origin in enumerate(dict.fromkeys(origins), start=1)}
    return [
        ids,
        [position[origin] for origin in origins],
        received,
        headers,
        bodies,
        keys,
        *([getattr(origin, column) for origin in position] for column in _ORIGIN_COLUMNS),
        outbox_delay_seconds,
        # Mostly all null, which a shorter array means as well.
        faults if any(faults) else (),
        ordering if any(ordering) else (),
    ]
