"""Who is calling, and what they may do: API keys, operators' credentials, bearer tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import ClassVar
from uuid import UUID

from control_api.bearer_tokens import BearerTokens
from control_api.credentials import Credentials, key_digest
from control_api.permissions import Permission
from shared.database.pool import Pool, connection
from shared.domain.identifiers import TenantId
from shared.errors import DatabaseUnavailable, Forbidden, PosternError, Unauthorized
from shared.ledger.api_keys import ApiKeys, LiveApiKey
from shared.ledger.idempotent_requests import Claim
from shared.ledger.operators import Operators
from shared.ledger.tenants import Tenant, Tenants

#: The digest of no key.
_NO_DIGEST = bytes(32)


class RateLimited(PosternError):
    """The key's requests of this minute are used up."""

    code: ClassVar[str] = "rate_limited"

    def __init__(self, per_minute: int, *, wait_seconds: float) -> None:
        self.retry_after_seconds = max(ceil(wait_seconds), 1)
        super().__init__(f"this API key may make {per_minute} requests a minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who acts in a tenant: an API key, or the holder of a bearer token."""

    tenant_id: TenantId
    tenant_slug: str
    permissions: Sequence[str]
    #: None: the caller came with a bearer token.
    api_key_id: UUID | None = None
    #: Who a bearer token was issued to.
    subject: str | None = None
    #: A key that this caller makes may not last longer; None: as long as wanted.
    expires_at: datetime | None = None
    #: A key that this caller makes may not do more; None: no limit.
    rate_limit_per_minute: int | None = None
    #: The request that this is about; it goes into the audit trail.
    request_id: str | None = None
    #: Of a request with an Idempotency-Key: what its transactions are marked with.
    claim: Claim | None = None

    @property
    def actor(self) -> str:
        """Return the caller's name in the audit trail."""
        if self.api_key_id is None:
            return f"oidc:{self.subject}"
        return f"api_key:{self.api_key_id}"

    def demand(self, *wanted: Permission) -> None:
        """Check permissions.

        Raises:
            Forbidden: One is missing.
        """
        if missing := [name for name in wanted if name not in self.permissions]:
            holder = "bearer token" if self.api_key_id is None else "API key"
            raise Forbidden(f"the {holder} lacks the permission {missing[0]!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Somebody who makes tenants, and acts in none."""

    operator_id: UUID
    request_id: str | None = None

    @property
    def actor(self) -> str:
        """Return the operator's name in the audit trail."""
        return f"operator:{self.operator_id}"


class Authenticator:
    """Looks credentials up, on a pool that serves nothing else: only here all tenants are seen."""

    def __init__(self, pool: Pool, bearer_tokens: BearerTokens | None = None) -> None:
        self._pool = pool
        self._bearer_tokens = bearer_tokens

    @property
    def challenge(self) -> str:
        """Return what WWW-Authenticate says of how to prove oneself."""
        key = 'ApiKey realm="postern"'
        return key if self._bearer_tokens is None else f'{key}, Bearer realm="postern"'

    async def authenticate(
        self, credentials: Credentials, *, request_id: str | None = None
    ) -> Caller | Operator:
        """Return who presents these credentials, and note that they were used.

        Raises:
            Unauthorized: None, or none that may be used now; which of these is not told.
            RateLimited: The key's limit is reached.
            IssuerUnavailable: A bearer token cannot be verified now.
        """
        if credentials.bearer_token is not None:
            return await self._bearer(credentials.bearer_token, request_id)
        key = credentials.api_key
        if key is None:
            raise Unauthorized("the header x-api-key is missing")
        if credentials.is_operators:
            return await self._operator(key, request_id)
        found = await self._live_key(key)
        return Caller(
            tenant_id=found.tenant_id,
            tenant_slug=found.tenant_slug,
            permissions=found.permissions,
            api_key_id=found.api_key_id,
            expires_at=found.expires_at,
            rate_limit_per_minute=found.rate_limit_per_minute,
            request_id=request_id,
        )

    async def _bearer(self, token: str, request_id: str | None) -> Caller:
        if self._bearer_tokens is None:
            raise Unauthorized("bearer tokens are not accepted here; send x-api-key")
        identity = await self._bearer_tokens.verify(token)
        async with connection(self._pool) as borrowed:
            tenant = await _named_tenant(Tenants(borrowed), identity.tenant)
        return Caller(
            tenant_id=tenant.tenant_id,
            tenant_slug=tenant.slug,
            permissions=identity.permissions,
            subject=identity.subject,
            request_id=request_id,
        )

    async def _operator(self, key: str, request_id: str | None) -> Operator:
        async with connection(self._pool) as borrowed:
            operators = Operators(borrowed)
            found = await operators.find_live(key_digest(key))
            if found is None:
                raise Unauthorized("the operator's credential is unknown, expired or revoked")
            if found.use_is_unnoted:
                await operators.note_use(found.operator_id)
        return Operator(operator_id=found.operator_id, request_id=request_id)

    async def _live_key(self, key: str) -> LiveApiKey:
        async with connection(self._pool) as borrowed:
            keys = ApiKeys(borrowed)
            found = await keys.find_live(key_digest(key))
            if found is None:
                raise Unauthorized("the API key is unknown, expired or inactive")
            if found.use_is_unnoted:
                await keys.note_use(found.tenant_id, found.api_key_id)
            await _take_token(keys, found)
        return found

    async def fault(self) -> str | None:
        """Return why keys cannot be looked up now, or None when they can."""
        try:
            async with connection(self._pool, timeout_seconds=1.0) as borrowed:
                await ApiKeys(borrowed).find_live(_NO_DIGEST)
        except DatabaseUnavailable as error:
            return str(error)
        return None


async def _named_tenant(tenants: Tenants, name: str) -> Tenant:
    """Return the tenant with this id or slug."""
    try:
        tenant = await tenants.find(UUID(name))
    except ValueError:
        tenant = await tenants.find_by_slug(name)
    if tenant is None or not tenant.is_active:
        raise Unauthorized("the bearer token is for no tenant of this installation")
    return tenant


async def _take_token(keys: ApiKeys, key: LiveApiKey) -> None:
    limit = key.rate_limit_per_minute
    if limit is None:
        return
    wait_seconds = await keys.take_token(key.tenant_id, key.api_key_id, limit)
    if wait_seconds > 0:
        raise RateLimited(limit, wait_seconds=wait_seconds)
