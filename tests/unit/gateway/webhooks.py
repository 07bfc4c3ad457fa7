"""Webhooks as a look at the ledger finds them, without a ledger."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from gateway.snapshot import Snapshot
from shared.domain.identifiers import TenantId, uuid7

TENANT_ID = TenantId(uuid7())


class _Changes:
    """A connection on which looks find what a test has put there."""

    def __init__(self) -> None:
        self.rows: Sequence[dict[str, Any]] = []

    async def fetchval(self, _: str) -> str:
        return "7"

    def transaction(self) -> "_Changes":
        return self

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, *_: object) -> None:
        """End."""

    async def cursor(self, *_: object, prefetch: int) -> AsyncIterator[dict[str, Any]]:
        assert prefetch
        for row in self.rows:
            yield row


def webhook_row(webhook_id: UUID, slug: str = "hook", **columns: Any) -> dict[str, Any]:
    """Return the row of a webhook as the ledger lists it."""
    return {
        "tenant_id": TENANT_ID,
        "webhook_id": webhook_id,
        "tenant_slug": "acme",
        "slug": slug,
        "auth_type": "bearer",
        "auth_config": "{}",
        "idempotency_source": None,
        "idempotency_window_seconds": 60,
        "handler_type": "direct_action",
        "handler_config": '{"action": "none"}',
        "rate_limit_per_minute": 60,
        "is_active": True,
        "version": 1,
        "secrets": [],
        "retry_policy": None,
        "ordering": None,
        **columns,
    }


async def refreshed(snapshot: Snapshot, *rows: dict[str, Any]) -> None:
    """Let a snapshot take over changed webhooks."""
    changes = _Changes()
    changes.rows = rows
    await snapshot.refresh(changes)  # type: ignore[arg-type]
