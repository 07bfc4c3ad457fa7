"""Runs of workflows, as the ledger links them to deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.database.pool import Connection, DirectConnection
from shared.database.queries import Queries
from shared.domain.delivery import QueuedDelivery

_QUERIES = Queries(__package__, "workflow_runs.sql")


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run as it was last seen."""

    run_id: str
    workflow: str
    engine: str
    status: str
    #: JSON text.
    result: str | None
    error: str | None
    started_at: datetime
    refreshed_at: datetime
    ended_at: datetime | None


class OpenRun(NamedTuple):
    """A run to ask the engine about."""

    tenant_id: UUID
    delivery_id: UUID
    run_id: str
    #: Whether an engine that does not know it has forgotten it.
    is_old: bool


class OldRun(NamedTuple):
    """A run to delete."""

    tenant_id: UUID
    delivery_id: UUID
    run_id: str
    engine: str


class EndedRun(NamedTuple):
    """How a run ended."""

    tenant_id: UUID
    delivery_id: UUID
    status: str
    #: JSON text.
    result: str | None
    error: str | None


class WorkflowRuns:
    """Reads and writes runs on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def enqueue(
        self, *, run_id: str, workflow: str, queue: str, version: str, envelope: str
    ) -> None:
        """Start a run of DBOS when the transaction commits; one that exists is left alone."""
        await self._connection.execute(
            _QUERIES["enqueue"], run_id, workflow, queue, version, envelope
        )

    async def insert(
        self, delivery: QueuedDelivery, *, run_id: str, workflow: str, engine: str
    ) -> None:
        """Link a run to its delivery."""
        await self._connection.execute(
            _QUERIES["insert"], delivery.tenant_id, delivery.delivery_id, run_id, workflow, engine
        )

    async def find(self, tenant_id: UUID, delivery_id: UUID) -> RecordedRun | None:
        """Return the run that a delivery started."""
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, delivery_id)
        return None if row is None else RecordedRun(*row)

    async def claim_open(self, engine: str, *, limit: int) -> list[OpenRun]:
        """Return runs to ask the engine about, each for one worker at a time."""
        rows = await self._connection.fetch(_QUERIES["claim_open"], engine, limit)
        return [OpenRun(*row) for row in rows]

    async def record_ended(self, runs: Sequence[EndedRun]) -> None:
        """Note how runs ended."""
        columns = zip(*runs, strict=True)
        await self._connection.execute(_QUERIES["record_ended"], *map(list, columns))

    async def list_old(self, *, days: int, limit: int) -> list[OldRun]:
        """Return runs that ended so long ago."""
        rows = await self._connection.fetch(_QUERIES["list_old"], days, limit)
        return [OldRun(*row) for row in rows]

    async def delete(self, runs: Sequence[OldRun]) -> None:
        """Delete runs."""
        await self._connection.execute(
            _QUERIES["delete"],
            [one.tenant_id for one in runs],
            [one.delivery_id for one in runs],
        )


class WorkflowExecutors:
    """Knows which workers' engines live, on one connection."""

    def __init__(self, connection: Connection | DirectConnection) -> None:
        self._connection = connection

    async def insert(self, executor_id: str) -> None:
        """Make an engine known, whose runs others take over when it has died."""
        await self._connection.execute(_QUERIES["insert_executor"], executor_id)

    async def take_sign(self, executor_id: str) -> None:
        """Hold an engine's sign of life for as long as the connection lasts."""
        await self._connection.execute(_QUERIES["take_sign"], executor_id)

    async def list_dead(self) -> set[str]:
        """Return engines whose sign of life nobody holds."""
        rows = await self._connection.fetch(_QUERIES["list_dead_executors"])
        return {row["executor_id"] for row in rows}

    async def delete(self, executor_id: str) -> None:
        """Forget an engine that has died and has left no runs."""
        await self._connection.execute(_QUERIES["delete_executor"], executor_id)
