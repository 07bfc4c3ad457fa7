"""Operators: they make tenants, and see nothing of what tenants have."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "operators.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOperator:
    """An operator to be kept."""

    operator_id: UUID
    name: str
    #: SHA-256 of the credential's text.
    key_digest: bytes
    #: The first characters, by which people tell credentials apart.
    key_prefix: str
    #: None: never.
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveOperator:
    """An operator whose credential may be used now."""

    operator_id: UUID
    name: str
    #: True when its last use was noted a minute ago or longer.
    use_is_unnoted: bool


class Operators:
    """Reads and writes operators on one connection of the system role."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, operator: NewOperator) -> None:
        """Insert an operator."""
        await self._connection.execute(
            _QUERIES["insert"],
            operator.operator_id,
            operator.name,
            operator.key_digest,
            operator.key_prefix,
            operator.expires_at,
        )

    async def find_live(self, key_digest: bytes) -> LiveOperator | None:
        """Return the operator with this digest unless expired or revoked."""
        row = await self._connection.fetchrow(_QUERIES["find_live"], key_digest)
        return None if row is None else LiveOperator(**row)

    async def note_use(self, operator_id: UUID) -> None:
        """Set the time of last use, once a minute at most."""
        await self._connection.execute(_QUERIES["note_use"], operator_id)

    async def revoke(self, operator_id: UUID) -> bool:
        """End a credential for good; return whether there is one."""
        tag = await self._connection.execute(_QUERIES["revoke"], operator_id)
        return tag.endswith(" 1")
