"""Who changed what: written in the transaction of the change itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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


class AuditTrail:
    """Writes audit events on one connection."""

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
            orjson.dumps(dict(event.details), default=str).decode(),
        )
