"""Writes what callers did into the audit trail, in the transaction of the change."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from control_api.authentication import Caller, Operator
from control_api.differences import differences, masked
from shared.database.pool import Connection
from shared.ledger.audit import AuditEvent, AuditTrail


async def audit(  # noqa: PLR0913 - the two sides of a change stand beside what was done
    connection: Connection,
    caller: Caller,
    action: str,
    target: str,
    *,
    details: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write that the caller did something to ``kind:id``.

    Give ``before``, ``after`` or both as contents, such as ``asdict(settings)``: what differs is
    written field by field. Of something created there is no ``before``, of something deleted no
    ``after``. Secrets in ``details`` and in the contents are masked by name and by look; that is
    the second lock: leave them out all the same.
    """
    event = _event(caller, action, target, masked(details or {}), sides=(before, after))
    await AuditTrail(connection).insert(caller.tenant_id, event)


async def audit_operation(
    connection: Connection,
    operator: Operator,
    action: str,
    tenant_id: UUID,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write into a tenant's trail what an operator did to the tenant."""
    event = _event(operator, action, f"tenant:{tenant_id}", {}, sides=(before, after))
    await AuditTrail(connection).insert(tenant_id, event)


def _event(
    author: Caller | Operator,
    action: str,
    target: str,
    details: Mapping[str, Any],
    *,
    sides: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None],
) -> AuditEvent:
    return AuditEvent(
        author.actor,
        action,
        target,
        details,
        request_id=author.request_id,
        changes=None if sides == (None, None) else differences(*sides),
    )
