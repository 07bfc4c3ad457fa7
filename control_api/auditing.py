"""Writes what callers did into the audit trail, in the transaction of the change."""

from collections.abc import Mapping
from typing import Any

from control_api.authentication import Caller
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
    compared = before is not None or after is not None
    event = AuditEvent(
        caller.actor,
        action,
        target,
        masked(details or {}),
        request_id=caller.request_id,
        changes=differences(before, after) if compared else None,
    )
    await AuditTrail(connection).insert(caller.tenant_id, event)
