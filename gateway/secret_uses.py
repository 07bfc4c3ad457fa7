"""When secrets last verified a request: noted in memory, written now and then.

A write for each request would cost more than the request. What a gateway that dies has noted
since the last time is lost: it is a hint to whoever retires a secret, not a record.
"""

import asyncio
from typing import NamedTuple
from uuid import UUID

from gateway.ledger_connection import LedgerConnection
from gateway.snapshot import Endpoint
from shared.database.pool import DirectConnection
from shared.ledger.secret_uses import SecretUse, SecretUseLog
from shared.observability.logging import get_logger

_log = get_logger("gateway.secret_uses")
_WRITE_SECONDS = 5.0
#: More at a time would hold their rows for long.
_MAX_ROWS = 500


class _Use(NamedTuple):
    endpoint: Endpoint
    at_ms: int


class SecretUses:
    """Notes uses, and writes the latest of each secret every ``every_seconds``."""

    def __init__(self, ledger: LedgerConnection, *, every_seconds: float) -> None:
        self._ledger = ledger
        self._every_seconds = every_seconds
        self._latest: dict[UUID, _Use] = {}

    def note(self, endpoint: Endpoint, secret_id: UUID, at_ms: int) -> None:
        """Note that a secret has verified a request to an endpoint."""
        self._latest[secret_id] = _Use(endpoint, at_ms)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(self._every_seconds)
            await self.write()

    async def write(self) -> None:
        """Write what is noted; where the ledger is away, it stays noted."""
        latest, self._latest = self._latest, {}
        uses = sorted(
            SecretUse(use.endpoint.tenant_id, use.endpoint.webhook_id, secret_id, use.at_ms)
            for secret_id, use in latest.items()
            if use.endpoint.tenant_id is not None and use.endpoint.webhook_id is not None
        )
        try:
            for start in range(0, len(uses), _MAX_ROWS):
                await self._write(uses[start : start + _MAX_ROWS])
        except Exception as error:  # noqa: BLE001 - a hint must not end the gateway
            _log.warning("secret_uses_unwritten", secrets=len(latest), error=repr(error))
            self._latest = latest | self._latest

    async def _write(self, uses: list[SecretUse]) -> None:
        async def operation(connection: DirectConnection) -> None:
            await SecretUseLog(connection).record(uses)

        deadline = asyncio.get_running_loop().time() + _WRITE_SECONDS
        await self._ledger.run(operation, deadline=deadline)
