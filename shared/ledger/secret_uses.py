"""When secrets last verified a request, as gateways tell it."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "secret_uses.sql")


class SecretUse(NamedTuple):
    """The latest use of one secret that one gateway knows of."""

    tenant_id: UUID
    webhook_id: UUID
    secret_id: UUID
    #: Unix time in ms.
    at_ms: int


class SecretUseLog:
    """Writes uses on one connection of the system role."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, uses: Sequence[SecretUse]) -> None:
        """Note uses; an older one than is known changes nothing, a deleted secret neither."""
        await self._connection.execute(
            _QUERIES["record"],
            [use.tenant_id for use in uses],
            [use.webhook_id for use in uses],
            [use.secret_id for use in uses],
            [use.at_ms for use in uses],
        )
