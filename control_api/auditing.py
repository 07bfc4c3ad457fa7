"""Writes what callers did into the audit trail, in the transaction of the change."""

from collections.abc import Mapping
from typing import Any

from control_api.authentication import Caller
from shared.database.pool import Connection
from shared.ledger.audit import AuditEvent, AuditTrail


async def audit(
    connection: Connection,
    caller: Caller,
    action: str,
    target: str,
    *,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write that the caller did something to ``kind:id``; the details hold no secret."""
    event = AuditEvent(caller.actor, action, target, details or {})
    await AuditTrail(connection).insert(caller.tenant_id, event)
