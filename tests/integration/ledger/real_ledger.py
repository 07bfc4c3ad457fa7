"""A migrated database with one tenant at a time."""

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any, Self
from uuid import UUID

import asyncpg
import orjson

from shared.database.pool import SYSTEM_ROLE, TENANT_ROLE, create_pool
from shared.domain.identifiers import TenantId, uuid7
from tests.integration.ledger.reading import read_ledger
from tests.integration.ledger.scripted import CREATE_EFFECTS
from tests.integration.ledger.states import GRID_SECONDS, RETRY_SECONDS, Rules

#: As which the workers' connections show.
WORKER = "model-worker"

_CLEAR = """
delete from postern.deliveries; delete from postern.delivery_attempts;
delete from postern.outbox; delete from postern.idempotency_keys;
delete from postern.ordered_deliveries; delete from postern.circuit_breakers;
delete from postern.webhooks; delete from postern.tenants; delete from public.effects;
"""
_INSERT_TENANT = "insert into postern.tenants (tenant_id, slug, name) values ($1, $2, $2)"
_INSERT_WEBHOOK = """
insert into postern.webhooks (
    tenant_id, webhook_id, name, slug, auth_type, handler_type, handler_config, retry_policy)
values ($1, $2, $3, $3, 'bearer', 'direct_action', '{"action": "leaveEffect"}', $4)
"""
#: Everything that lies at a moment.
_MOMENTS = {
    "deliveries": ("received_at", "next_attempt_at"),
    "outbox": ("available_at",),
    "idempotency_keys": ("expires_at",),
    "circuit_breakers": ("opened_at", "probe_at", "probe_until"),
}
_OLDER = "{0} - interval '{1} s'"
_SNAPPED = (
    "now() + ceil(extract(epoch from {0} - now())::numeric / {1})::integer * interval '{1} s'"
)
#: A step takes milliseconds, and on a busy machine a second.
_MOST_DRIFT_SECONDS = 5.0


class RealLedger:
    """What the programs share: a database, and the roles in which they use it."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._stack = AsyncExitStack()

    async def open(self) -> Self:
        """Connect as every program does."""
        self.admin = await asyncpg.connect(self._url)
        self._stack.push_async_callback(self.admin.close)
        await self.admin.execute(CREATE_EFFECTS)
        enter = self._stack.enter_async_context
        self.tenants = await enter(
            await create_pool(self._url, role=TENANT_ROLE, application_name=WORKER, size=20)
        )
        self.system = await enter(
            await create_pool(self._url, role=SYSTEM_ROLE, application_name="model", size=4)
        )
        return self

    async def close(self) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def begin(self, webhooks: Mapping[UUID, Rules]) -> None:
        """Start anew, with a tenant and its webhooks."""
        await self.admin.execute(_CLEAR)
        self._held_at = monotonic()
        self.tenant_id = TenantId(uuid7())
        await self.admin.execute(_INSERT_TENANT, self.tenant_id, "acme")
        for number, (webhook_id, rules) in enumerate(webhooks.items()):
            await self.admin.execute(
                _INSERT_WEBHOOK,
                self.tenant_id,
                webhook_id,
                f"webhook-{number}",
                orjson.dumps(_policy(rules)).decode(),
            )

    async def read(self, *, keys: Collection[str]) -> dict[str, Any]:
        """Return the state of everything."""
        return await read_ledger(self.admin, keys=keys)

    async def age(self, seconds: int) -> None:
        """Let time pass: everything gets older, and what is due follows from that."""
        await self._move(_OLDER, seconds)

    async def hold_time(self) -> None:
        """Undo the passing of real time before it adds up to something."""
        if monotonic() - self._held_at > _MOST_DRIFT_SECONDS:
            await self._move(_SNAPPED, GRID_SECONDS)
            self._held_at = monotonic()

    async def _move(self, expression: str, seconds: int) -> None:
        for table, columns in _MOMENTS.items():
            moves = [f"{column} = {expression.format(column, seconds)}" for column in columns]
            await self.admin.execute(f"update postern.{table} set {', '.join(moves)}")


def _policy(rules: Rules) -> dict[str, object]:
    return {
        "max_attempts": rules.max_attempts,
        "first_delay_seconds": RETRY_SECONDS,
        "jitter": "none",
    }
