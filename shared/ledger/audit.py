"""Who changed what: written in the transaction of the change itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import uuid7

_QUERIES = Queries(__package__, "audit.sql")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One change."""

    #: Who did it, such as ``api_key:<id>``.
    actor: str
    #: Stable name, such as ``webhook.created``.
    action: str
    #: What was changed, such as ``webhook:<id>``.
    target: str
    #: More about it; never a secret.
    details: Mapping[str, Any] = field(default_factory=dict)
    #: The request that did it; None: a command did.
    request_id: str | None = None
    #: What differs, with no secret in it; None where nothing was compared.
    changes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAuditEvent:
    """One change as it stands in the trail."""

    event_id: UUID
    occurred_at: datetime
    actor: str
    action: str
    target: str
    request_id: str | None
    #: JSON text.
    details: str
    #: JSON text.
    changes: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which events are meant; None leaves a condition out."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    #: What stands before the colon of a target.
    target_kind: str | None = None
    #: What stands after it.
    target_id: str | None = None
    request_id: str | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None


class AuditTrail:
    """Writes and reads audit events on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, tenant_id: UUID, event: AuditEvent) -> None:
        """Insert an event."""
        await self._connection.execute(
            _QUERIES["insert"],
            tenant_id,
            uuid7(),
            event.actor,
            event.action,
            event.target,
            _json(event.details),
            event.request_id,
            None if event.changes is None else _json(event.changes),
        )

    async def list_page(
        self, tenant_id: UUID, wanted: AuditFilter, *, after: UUID | None, limit: int
    ) -> list[RecordedAuditEvent]:
        """Return events, newest first, those older than ``after``."""
        rows = await self._connection.fetch(
            _QUERIES["list_page"],
            tenant_id,
            after,
            limit,
            wanted.actor,
            wanted.action,
            wanted.target,
            wanted.target_kind,
            wanted.target_id,
            wanted.request_id,
            wanted.occurred_from,
            wanted.occurred_to,
        )
        return [RecordedAuditEvent(**row) for row in rows]


def _json(content: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(content), default=str).decode()
