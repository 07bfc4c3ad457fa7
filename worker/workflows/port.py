"""What the worker needs of a workflow engine.

An engine is of one of two kinds, by how it starts a run: within the delivery's transaction
(``LedgerEngine``), or by a call to elsewhere (``RemoteEngine``), made before that transaction.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from shared.database.pool import Connection
from worker.outcome import Reject, Retry


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: The engine does not know it any more.
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """A run to start."""

    #: One run per id, however often it is started.
    run_id: str
    workflow: str
    #: JSON text of an ``Envelope``'s content.
    envelope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """What an engine knows of a run."""

    run_id: str
    status: RunStatus
    #: What a run that succeeded returned.
    result: Any = None
    #: Type and text of what ended a run otherwise.
    error: str | None = None


class WorkflowEngine(Protocol):
    """Carries runs on, each to its end, over deaths of any worker."""

    @property
    def name(self) -> str:
        """As it stands on the deliveries and in the settings."""
        ...

    @property
    def fault(self) -> str | None:
        """Why no run is carried on here at the moment; None where they are."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Carry runs on until ``stop`` is set, whatever is away meanwhile.

        Raises:
            ConfigurationError: What the engine needs is not there.
        """
        ...

    async def look(self, run_ids: Sequence[str]) -> Sequence[RunState] | None:
        """Return where runs stand, without those that the engine does not know.

        None where the engine cannot be asked at the moment.
        """
        ...

    async def take_over(self) -> int:
        """Have the runs of workers that died carried on by others; return how many."""
        ...

    async def forget(self, run_ids: Sequence[str], /) -> bool:
        """Delete what is kept of runs that ended long ago, unless the engine does so itself.

        False where that cannot be done at the moment.
        """
        ...


@runtime_checkable
class LedgerEngine(WorkflowEngine, Protocol):
    """An engine that lives in the ledger's database."""

    async def enlist(self, connection: Connection, start: RunStart) -> None:
        """Start a run when the transaction commits; one of this id that exists is no fault."""
        ...


@runtime_checkable
class RemoteEngine(WorkflowEngine, Protocol):
    """An engine that lives elsewhere."""

    async def launch(self, start: RunStart) -> Retry | Reject | None:
        """Start a run; one of this id that exists is no fault.

        Return ``Retry`` where the engine may take it later, ``Reject`` where it never will. What
        this raises is tried again as well, and counted as unforeseen.
        """
        ...


AnyEngine = LedgerEngine | RemoteEngine
