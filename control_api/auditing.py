"""Writes what callers did into the audit trail, in the transaction of the change."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from control_api.authentication import Caller
from shared.database.pool import Connection
from shared.ledger.audit import AuditEvent, AuditTrail


async def audit(
    connection: Connection,
    caller: Caller,
    action: str,
    webhook_id: UUID,
    *,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write that the caller did something to a webhook; the details hold no secret."""
    event = AuditEvent(caller.actor, action, f"webhook:{webhook_id}", details or {})
    await AuditTrail(connection).insert(caller.tenant_id, event)
