"""Searches deliveries from the newest on, in bounded steps.

There is no index for what may be asked: each would be paid for by every request that is accepted.
A search goes along the keys instead, looks at some rows at a time, and stops after a while even
where it has not found enough; it tells how far it has come, so that the next one goes on there.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import asyncpg

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.event_type import SMALL_BODY_BYTES, event_type_of
from shared.domain.identifiers import TenantId, lowest_uuid7_after
from shared.ledger.deliveries import DeliverySummary

_QUERIES = Queries(__package__, "delivery_search.sql")

#: Goes first in a transaction that searches.
PLAN_ONCE = (_QUERIES["plan_once"],)
#: What a step may take on a server in trouble.
_STEP_SECONDS = 3.0
_FIRST = UUID(int=0)
_END = UUID(int=2**128 - 1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryConditions:
    """What deliveries have to be like; None leaves a condition out."""

    dispatch_status: str | None = None
    auth_status: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None
    idempotency_key: str | None = None
    #: The sender's id of what the action wrote, or did not find.
    external_id: str | None = None
    event_type: str | None = None
    #: An address, a network, or ``unknown``.
    source_address: str | None = None
    #: A code, an action or a workflow that the outcome names.
    outcome: str | None = None
    is_test: bool | None = None
    is_replay: bool | None = None
    #: What a small body has to contain; the case of ASCII letters does not matter.
    text: str | None = None

    @property
    def first_id(self) -> UUID:
        """Return the lowest id that a delivery received in time can have.

        A delivery's id and its time of receipt are made of the same milliseconds.
        """
        return (
            _FIRST
            if self.received_from is None
            else lowest_uuid7_after(self.received_from - _INSTANT)
        )

    @property
    def end_id(self) -> UUID:
        """Return the id below which all deliveries received in time have theirs."""
        return _END if self.received_to is None else lowest_uuid7_after(self.received_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDelivery(DeliverySummary):
    """A delivery as lists show it."""

    event_type: str | None
    request_body_bytes: int | None
    #: The lower 32 bits of the transaction that wrote the delivery as it stands.
    written_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """After how much a search stops."""

    seconds: float = 0.25
    rows: int = 50_000
    #: Rows in one step: some milliseconds, where the text of small bodies is searched, too.
    step_rows: int = 1000


DEFAULT_LIMITS = SearchLimits()


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has come upon."""

    deliveries: list[ListedDelivery]
    #: How far it has come where it stopped before its end; what is older was not looked at.
    stopped_at: UUID | None


_SUMMARY_COLUMNS = [column.name for column in fields(DeliverySummary)]


@dataclass(frozen=True, slots=True)
class Part:
    """What was found in one step from the oldest on."""

    deliveries: list[ListedDelivery]
    #: How far it has come.
    position: UUID
    is_end: bool


class DeliverySearch:
    """Searches the deliveries of one tenant, of one webhook where one is named."""

    def __init__(
        self,
        connection: Connection,
        tenant_id: TenantId,
        webhook_id: UUID | None = None,
        *,
        limits: SearchLimits = DEFAULT_LIMITS,
    ) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._webhook_id = webhook_id
        self._limits = limits

    async def newest(
        self, wanted: DeliveryConditions, *, before: UUID | None, limit: int
    ) -> Found:
        """Return up to ``limit`` matching deliveries older than ``before``, the newest first."""
        limits = self._limits
        end = min(before or _END, wanted.end_id)
        step_rows = limit
        found: list[ListedDelivery] = []
        ends_at = monotonic() + limits.seconds
        looked_at = 0
        while True:
            ids = await self._newest_ids(wanted.first_id, end, step_rows)
            found += await self.matching(ids, wanted, limit=limit - len(found))
            if len(ids) < step_rows and len(found) < limit:
                return Found(found, None)
            looked_at += len(ids)
            end = ids[-1]
            if len(found) == limit:
                return Found(found, found[-1].delivery_id)
            if looked_at >= limits.rows or monotonic() > ends_at:
                return Found(found, end)
            step_rows = min(step_rows * 4, limits.step_rows)

    async def oldest_part(
        self, wanted: DeliveryConditions, *, after: UUID, end: UUID, limit: int
    ) -> Part:
        """Look at up to ``limit`` deliveries between two ids, the oldest first, in one step."""
        ids = await self._oldest_ids(after, min(end, wanted.end_id), limit)
        found = await self.matching(ids, wanted, limit=limit)
        return Part(found, ids[-1] if ids else after, len(ids) < limit)

    async def matching(
        self, ids: Sequence[UUID], wanted: DeliveryConditions, *, limit: int
    ) -> list[ListedDelivery]:
        """Return those of some deliveries that match, in their order, up to a limit."""
        if not ids:
            return []
        is_read_here = wanted.event_type is not None
        rows = await self._connection.fetch(
            _QUERIES["list_matching"],
            self._tenant_id,
            ids,
            len(ids) if is_read_here else limit,
            SMALL_BODY_BYTES,
            wanted.dispatch_status,
            wanted.auth_status,
            wanted.idempotency_key,
            wanted.external_id,
            wanted.source_address,
            wanted.outcome,
            wanted.is_test,
            wanted.is_replay,
            _ways_to_write(wanted.event_type),
            _ways_to_write(wanted.text),
            timeout=_STEP_SECONDS,
        )
        listed = [listed_delivery(row) for row in rows]
        if is_read_here:
            listed = [one for one in listed if one.event_type == wanted.event_type]
        return listed[:limit]

    async def _oldest_ids(self, after: UUID, end: UUID, limit: int) -> list[UUID]:
        if self._webhook_id is None:
            rows = await self._connection.fetch(
                _QUERIES["oldest_of_tenant"], self._tenant_id, after, end, limit
            )
        else:
            rows = await self._connection.fetch(
                _QUERIES["oldest_of_webhook"],
                *(self._tenant_id, self._webhook_id, after, end, limit),
            )
        return [row["delivery_id"] for row in rows]

    async def bodies(self, ids: Sequence[UUID]) -> dict[UUID, tuple[bytes, bytes | None]]:
        """Return headers and body of each delivery."""
        rows = await self._connection.fetch(_QUERIES["list_bodies"], self._tenant_id, ids)
        return {row[0]: (row[1], row[2]) for row in rows}

    async def _newest_ids(self, first: UUID, end: UUID, limit: int) -> list[UUID]:
        if self._webhook_id is None:
            rows = await self._connection.fetch(
                _QUERIES["newest_of_tenant"], self._tenant_id, first, end, limit
            )
        else:
            rows = await self._connection.fetch(
                _QUERIES["newest_of_webhook"], self._tenant_id, self._webhook_id, first, end, limit
            )
        return [row["delivery_id"] for row in rows]


def listed_delivery(row: asyncpg.Record) -> ListedDelivery:
    """Return a row of ``list_matching`` with what its request tells of the event."""
    return ListedDelivery(
        **{name: row[name] for name in _SUMMARY_COLUMNS},
        event_type=event_type_of(row["request_headers"], row["small_body"]),
        request_body_bytes=row["request_body_bytes"],
        written_by=row["written_by"],
    )


def _ways_to_write(text: str | None) -> list[bytes] | None:
    """Return how a text may stand in a JSON document, or itself be a part of one."""
    if text is None:
        return None
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    ascii_only = json.dumps(text)[1:-1]
    written = (text, plain, plain.replace("/", "\\/"), ascii_only, ascii_only.replace("/", "\\/"))
    # Headers are read as latin-1.
    return list(dict.fromkeys([*map(str.encode, written), text.encode("latin-1", "replace")]))
