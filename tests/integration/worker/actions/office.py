"""A tenant with reference data in the PSA store, and a webhook that runs the action asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.domain.identifiers import uuid7
from tests.integration.worker.world import Ledger
from worker.processor import Processor

#: An id that names nothing.
NOBODY = UUID("018f0000-0000-7000-8000-00000000dead")


@dataclass(slots=True)
class Office:
    """Sends deliveries to actions and reads what they left, as the superuser."""

    ledger: Ledger
    processor: Processor
    #: By the names that tests give to rows of reference data.
    ids: dict[str, UUID] = field(default_factory=dict)

    async def insert(self, name: str, table: str, key: str, columns: Mapping[str, object]) -> UUID:
        """Insert a row of reference data under a name; values that are names become ids."""
        self.ids[name] = uuid7()
        row = {"tenant_id": self.ledger.tenant_id, key: self.ids[name], **columns}
        text = orjson.dumps(self._resolved(row)).decode()
        await self.ledger.pool.execute(
            f"insert into psa.{table} ({', '.join(row)}) "
            f"select {', '.join(row)} from json_populate_record(null::psa.{table}, $1::json)",
            text,
        )
        return self.ids[name]

    async def map(self, entity_type: str, external_id: str, name: str) -> None:
        """Let an external id stand for a row of reference data."""
        await self.ledger.insert_mapping(entity_type, external_id, self.ids[name])

    async def deliver(
        self, action: str, body: Mapping[str, Any], *, fields: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Handle a delivery whose members fill the fields of their names; return its outcome.

        Texts of the form ``@name`` stand for ids. ``fields`` are mapped beyond what the body has.
        """
        await self.use(action, fields or list(body))
        return await self.handle(body)

    async def use(self, action: str, fields: Sequence[str]) -> None:
        """Let the webhook run an action with some of its fields."""
        config = {"action": action, "field_mapping": {name: name for name in fields}}
        await self.ledger.pool.execute(
            "update postern.webhooks set version = version + 1, handler_config = $2 "
            "where webhook_id = $1",
            self.ledger.webhook_id,
            orjson.dumps(config).decode(),
        )

    async def handle(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Handle a delivery; return its outcome, with the delivery's state as ``state``."""
        queued = await self.ledger.record(self._resolved(body))
        await self.processor.process(queued)
        row = await self.ledger.delivery(queued)
        outcome: dict[str, Any] = orjson.loads(row["handler_outcome"])
        return {**outcome, "state": row["dispatch_status"], "delivery_id": queued.delivery_id}

    async def handle_at_once(self, bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Handle deliveries at the same time."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.handle(body)) for body in bodies]
        return [task.result() for task in tasks]

    async def done(
        self, action: str, body: Mapping[str, Any], *, fields: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Like ``deliver``, for what has to succeed."""
        outcome = await self.deliver(action, body, fields=fields)
        assert outcome["state"] == "dispatched", outcome
        assert outcome["action"] == action
        return outcome

    async def refused(
        self, action: str, body: Mapping[str, Any], *, fields: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Like ``deliver``, for what has to fail at once and to leave nothing."""
        before = await self.traces()
        outcome = await self.deliver(action, body, fields=fields)
        assert outcome["state"] == "failed", outcome
        assert await self.traces() == before
        return outcome

    async def traces(self) -> tuple[int, ...]:
        """Return how many events and mappings there are."""
        row = await self.ledger.pool.fetchrow(
            "select (select count(*) from psa.events where tenant_id = $1), "
            "(select count(*) from postern.external_entity_mappings where tenant_id = $1)",
            self.ledger.tenant_id,
        )
        assert row is not None
        return tuple(row)

    async def mappings(self) -> list[asyncpg.Record]:
        """Return what external ids stand for."""
        return await self.ledger.pool.fetch(
            "select * from postern.external_entity_mappings where tenant_id = $1",
            self.ledger.tenant_id,
        )

    async def rows(self, table: str) -> list[asyncpg.Record]:
        """Return the rows of a table of the store, in the order of their making."""
        return await self.ledger.pool.fetch(
            f"select * from psa.{table} where tenant_id = $1 order by created_at",
            self.ledger.tenant_id,
        )

    async def row(self, table: str) -> asyncpg.Record:
        """Return the one row that a table of the store has."""
        (row,) = await self.rows(table)
        return row

    async def events(self) -> list[dict[str, Any]]:
        """Return every event, in order of numbers, with its changes read."""
        rows = await self.ledger.pool.fetch(
            "select * from psa.events where tenant_id = $1 order by event_number",
            self.ledger.tenant_id,
        )
        return [{**row, "changes": orjson.loads(row["changes"])} for row in rows]

    async def last_event(self) -> dict[str, Any]:
        """Return the newest event."""
        return (await self.events())[-1]

    def resolved(self, value: str) -> str:
        """Return a text with each ``@name`` replaced by the id of that name."""
        for name in sorted(self.ids, key=len, reverse=True):
            value = value.replace(f"@{name}", str(self.ids[name]))
        return value

    def _resolved(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self.resolved(value) if str(value).startswith("@") else value
            for name, value in body.items()
        }
