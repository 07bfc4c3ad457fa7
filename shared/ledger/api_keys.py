"""API keys: only their digests are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import TenantId

_QUERIES = Queries(__package__, "api_keys.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key to be kept."""

    tenant_id: TenantId
    api_key_id: UUID
    #: SHA-256 of the key's text.
    key_digest: bytes
    #: The first characters, by which people tell their keys apart.
    key_prefix: str
    description: str
    permissions: Sequence[str]


@dataclass(frozen=True, slots=True)
class LiveApiKey:
    """A key that may be used now."""

    tenant_id: TenantId
    tenant_slug: str
    api_key_id: UUID
    permissions: Sequence[str]
    #: True when its last use was noted a minute ago or longer.
    use_is_unnoted: bool


class ApiKeys:
    """Reads and writes API keys on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, key: NewApiKey) -> None:
        """Insert a key."""
        await self._connection.execute(
            _QUERIES["insert"],
            key.tenant_id,
            key.api_key_id,
            key.key_digest,
            key.key_prefix,
            key.description,
            list(key.permissions),
        )

    async def find_live(self, key_digest: bytes) -> LiveApiKey | None:
        """Return the key with this digest unless it, or its tenant, is expired or inactive."""
        row = await self._connection.fetchrow(_QUERIES["find_live"], key_digest)
        return None if row is None else LiveApiKey(**row)

    async def note_use(self, tenant_id: UUID, api_key_id: UUID) -> None:
        """Set the time of last use, once a minute at most."""
        await self._connection.execute(_QUERIES["note_use"], tenant_id, api_key_id)
