"""API keys: who is calling, and what the key permits."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shared.database.pool import Pool, connection
from shared.domain.identifiers import TenantId
from shared.errors import DatabaseUnavailable, Forbidden, Unauthorized
from shared.ledger.api_keys import ApiKeys

KEY_START = "pst_"
#: The digest of no key.
_NO_DIGEST = bytes(32)
_PREFIX_LENGTH = len(KEY_START) + 8


class Permission(StrEnum):
    """What an API key may do."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    REPLAY = "replay"
    #: Tenant and keys.
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated API key."""

    tenant_id: TenantId
    tenant_slug: str
    api_key_id: UUID
    permissions: Sequence[str]
    #: The request that this is about; it goes into the audit trail.
    request_id: str | None = None

    @property
    def actor(self) -> str:
        """Return the caller's name in the audit trail."""
        return f"api_key:{self.api_key_id}"

    def demand(self, *wanted: Permission) -> None:
        """Check permissions.

        Raises:
            Forbidden: One is missing.
        """
        if missing := [name for name in wanted if name not in self.permissions]:
            raise Forbidden(f"the API key lacks the permission {missing[0]!r}")


class Authenticator:
    """Looks API keys up, on a pool that serves nothing else: only here all tenants are seen."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def authenticate(self, key: str | None, *, request_id: str | None = None) -> Caller:
        """Return who presents this key, and note that it was used.

        Raises:
            Unauthorized: No key, or none that may be used now; which of these is not told.
        """
        if not key:
            raise Unauthorized("the header x-api-key is missing")
        async with connection(self._pool) as borrowed:
            keys = ApiKeys(borrowed)
            found = await keys.find_live(key_digest(key))
            if found is None:
                raise Unauthorized("the API key is unknown, expired or inactive")
            if found.use_is_unnoted:
                await keys.note_use(found.tenant_id, found.api_key_id)
        return Caller(
            tenant_id=found.tenant_id,
            tenant_slug=found.tenant_slug,
            api_key_id=found.api_key_id,
            permissions=found.permissions,
            request_id=request_id,
        )

    async def fault(self) -> str | None:
        """Return why keys cannot be looked up now, or None when they can."""
        try:
            async with connection(self._pool, timeout_seconds=1.0) as borrowed:
                await ApiKeys(borrowed).find_live(_NO_DIGEST)
        except DatabaseUnavailable as error:
            return str(error)
        return None


def new_key() -> str:
    """Return the text of a new key: 256 random bits."""
    return KEY_START + secrets.token_urlsafe(32)


def key_digest(key: str) -> bytes:
    """Return what is stored of a key.

    A plain hash will do: unlike a password, the key has too many bits to be guessed.
    """
    return hashlib.sha256(key.encode()).digest()


def key_prefix(key: str) -> str:
    """Return the part of a key that may be shown."""
    return key[:_PREFIX_LENGTH]
