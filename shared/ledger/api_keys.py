"""API keys: only their digests are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import TenantId
from shared.errors import NotFound

_QUERIES = Queries(__package__, "api_keys.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGrant:
    """What an admin may set of a key."""

    name: str
    permissions: Sequence[str]
    #: None: never.
    expires_at: datetime | None = None
    #: None: no limit.
    rate_limit_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key to be kept."""

    tenant_id: TenantId
    api_key_id: UUID
    #: SHA-256 of the key's text.
    key_digest: bytes
    #: The first characters, by which people tell their keys apart.
    key_prefix: str
    #: The actor, as in the audit trail.
    created_by: str
    grant: KeyGrant


@dataclass(frozen=True, slots=True)
class LiveApiKey:
    """A key that may be used now."""

    tenant_id: TenantId
    tenant_slug: str
    api_key_id: UUID
    permissions: Sequence[str]
    expires_at: datetime | None
    rate_limit_per_minute: int | None
    #: True when its last use was noted a minute ago or longer.
    use_is_unnoted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredApiKey:
    """A key as admins see it."""

    api_key_id: UUID
    key_prefix: str
    name: str
    permissions: Sequence[str]
    expires_at: datetime | None
    rate_limit_per_minute: int | None
    is_active: bool
    created_by: str | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def grant(self) -> KeyGrant:
        """Return what may be set of it."""
        return KeyGrant(
            name=self.name,
            permissions=self.permissions,
            expires_at=self.expires_at,
            rate_limit_per_minute=self.rate_limit_per_minute,
        )


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
            key.created_by,
            *_columns(key.grant),
        )

    async def find_live(self, key_digest: bytes) -> LiveApiKey | None:
        """Return the key with this digest unless it, or its tenant, is expired or inactive."""
        row = await self._connection.fetchrow(_QUERIES["find_live"], key_digest)
        return None if row is None else LiveApiKey(**row)

    async def note_use(self, tenant_id: UUID, api_key_id: UUID) -> None:
        """Set the time of last use, once a minute at most."""
        await self._connection.execute(_QUERIES["note_use"], tenant_id, api_key_id)

    async def take_token(self, tenant_id: UUID, api_key_id: UUID, per_minute: int) -> float:
        """Take a token of the key's rate limit; return 0, or the seconds until there is one."""
        wait_seconds: float = await self._connection.fetchval(
            _QUERIES["take_token"], tenant_id, api_key_id, per_minute
        )
        return wait_seconds

    async def get(self, tenant_id: UUID, api_key_id: UUID) -> StoredApiKey:
        """Return a key.

        Raises:
            NotFound: There is none of this tenant.
        """
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, api_key_id)
        if row is None:
            raise NotFound(f"there is no API key {api_key_id}")
        return StoredApiKey(**row)

    async def lock(self, tenant_id: UUID, api_key_id: UUID) -> StoredApiKey:
        """Return a key, and keep it as it is until the transaction ends.

        Raises:
            NotFound: There is none of this tenant.
        """
        row = await self._connection.fetchrow(_QUERIES["lock"], tenant_id, api_key_id)
        if row is None:
            raise NotFound(f"there is no API key {api_key_id}")
        return StoredApiKey(**row)

    async def list_page(
        self, tenant_id: UUID, *, after: UUID | None, limit: int
    ) -> list[StoredApiKey]:
        """Return keys, newest first, those older than ``after``."""
        rows = await self._connection.fetch(_QUERIES["list_page"], tenant_id, after, limit)
        return [StoredApiKey(**row) for row in rows]

    async def update(self, tenant_id: UUID, api_key_id: UUID, grant: KeyGrant) -> None:
        """Set what may be set of a key."""
        await self._connection.execute(_QUERIES["update"], tenant_id, api_key_id, *_columns(grant))

    async def revoke(self, tenant_id: UUID, api_key_id: UUID) -> None:
        """End a key for good; its record stays."""
        await self._connection.execute(_QUERIES["revoke"], tenant_id, api_key_id)

    async def lock_administrators(self, tenant_id: UUID) -> list[UUID]:
        """Return the live keys with the permission admin, held until the transaction ends."""
        rows = await self._connection.fetch(_QUERIES["lock_administrators"], tenant_id)
        return [row["api_key_id"] for row in rows]


def _columns(grant: KeyGrant) -> tuple[str, list[str], datetime | None, int | None]:
    return grant.name, list(grant.permissions), grant.expires_at, grant.rate_limit_per_minute
