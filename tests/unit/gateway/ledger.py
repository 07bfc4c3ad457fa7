"""A connection to the ledger that does what a test says."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.ledger_connection import LedgerConnection


class ScriptedLedger(LedgerConnection):
    """Runs operations over a stand-in for the connection, without PostgreSQL."""

    def __init__(self, connection: object) -> None:
        self._stand_in = connection

    async def run(self, operation: Callable[[Any], Awaitable[Any]], *, deadline: float) -> Any:
        """Run the operation."""
        assert deadline
        await asyncio.sleep(0)
        return await operation(self._stand_in)


class PickyConnection:
    """Takes statements, and refuses those that carry a row it does not like."""

    def __init__(self, refuses: Callable[[Sequence[Any]], Exception | None]) -> None:
        self._refuses = refuses
        self.statements: list[Sequence[Any]] = []

    async def fetch(self, _: str, *arguments: Any) -> list[Any]:
        """Take a statement that returns nothing."""
        await self.execute("", *arguments)
        return []

    async def execute(self, _: str, *arguments: Any) -> None:
        """Take a statement, or raise."""
        columns = [list(column) if isinstance(column, tuple) else column for column in arguments]
        fault = self._refuses(columns)
        if fault is not None:
            raise fault
        self.statements.append(columns)
