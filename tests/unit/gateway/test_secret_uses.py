"""Uses of secrets, noted in memory."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from gateway.ledger_connection import LedgerConnection
from gateway.secret_uses import SecretUses
from gateway.snapshot import Endpoint, decoy
from shared.domain.identifiers import uuid7
from shared.errors import DatabaseUnavailable


class _Connection:
    """Keeps what is written, once it answers."""

    def __init__(self) -> None:
        self.written: list[tuple[UUID, int]] = []

    async def execute(self, _: str, *columns: list[Any]) -> None:
        self.written += zip(columns[2], columns[3], strict=True)


class _Ledger(LedgerConnection):
    def __init__(self, *, failures: int) -> None:
        self.connection = _Connection()
        self.failures = failures

    async def run(
        self,
        operation: Callable[[Any], Awaitable[Any]],
        *,
        deadline: float,  # noqa: ARG002 - part of the call
    ) -> Any:
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailable
        return await operation(self.connection)


def _endpoint() -> Endpoint:
    return dataclasses.replace(decoy(), tenant_id=uuid7(), webhook_id=uuid7())


async def test_uses_when_written() -> None:
    """Of each secret the latest use is written, once, in a fixed order."""
    ledger = _Ledger(failures=0)
    uses = SecretUses(ledger, every_seconds=60)
    endpoint, secrets = _endpoint(), sorted([uuid7(), uuid7()])
    for at_ms in (1, 2):
        for secret_id in reversed(secrets):
            uses.note(endpoint, secret_id, at_ms)
    await uses.write()
    await uses.write()
    assert ledger.connection.written == [(secrets[0], 2), (secrets[1], 2)]


async def test_uses_when_the_ledger_is_away() -> None:
    """What could not be written stays noted, unless a later use has come meanwhile."""
    ledger = _Ledger(failures=1)
    uses = SecretUses(ledger, every_seconds=60)
    endpoint, (early, late) = _endpoint(), sorted([uuid7(), uuid7()])
    uses.note(endpoint, early, 1)
    uses.note(endpoint, late, 1)
    await uses.write()
    assert ledger.connection.written == []
    uses.note(endpoint, late, 2)
    await uses.write()
    assert ledger.connection.written == [(early, 1), (late, 2)]


async def test_uses_when_they_are_many() -> None:
    """No statement writes more than some hundred rows."""
    ledger = _Ledger(failures=0)
    uses = SecretUses(ledger, every_seconds=60)
    endpoint = _endpoint()
    for number in range(1201):
        uses.note(endpoint, UUID(int=number), number)
    await uses.write()
    assert ledger.connection.written == [(UUID(int=number), number) for number in range(1201)]
