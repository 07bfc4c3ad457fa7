"""Rate limits exact across processes: tokens are leased from the ledger and spent in memory."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import UUID

from shared.errors import DatabaseUnavailable
from shared.ledger.rate_limits import Grant
from shared.observability.logging import get_logger

_log = get_logger("gateway.rate_limit")

#: Asks the ledger: (bucket, held, returned) -> grant.
LeaseTokens = Callable[["Bucket", int, int], Awaitable[Grant]]


class TokenLease:
    """Tokens of one webhook in this process; pure, its times are given to it."""

    __slots__ = ("denied_until", "expires_at", "renew_at", "renewal", "tokens")

    def __init__(self) -> None:
        self.tokens = 0
        self.expires_at = 0.0
        #: From then on the lease is renewed ahead of need, so that no request waits for it.
        self.renew_at = 0.0
        self.denied_until = 0.0
        #: The request to the ledger under way, if any: all that wait share it.
        self.renewal: asyncio.Task[DatabaseUnavailable | None] | None = None

    def take(self, now: float) -> bool:
        """Spend a token if one is at hand."""
        if self.tokens > 0 and now < self.expires_at:
            self.tokens -= 1
            return True
        return False

    def put_down_expired(self, now: float) -> int:
        """Return how many tokens the lease ran out on; they may no longer be spent."""
        if now < self.expires_at:
            return 0
        expired, self.tokens = self.tokens, 0
        return expired


def chunk_of(rate_limit_per_minute: int) -> int:
    """Return how many tokens one lease asks for: a tenth of the burst, so ten asks drain it."""
    return max(rate_limit_per_minute // 10, 1)


class Bucket(NamedTuple):
    """A webhook's limit and this process's lease on it."""

    lease: TokenLease
    tenant_id: UUID
    webhook_id: UUID
    per_minute: int


class RateLimiter:
    """Takes tokens, asking the ledger when a lease runs low or out."""

    def __init__(
        self, lease_tokens: LeaseTokens, group: asyncio.TaskGroup, *, lease_seconds: float
    ) -> None:
        self._lease_tokens = lease_tokens
        self._group = group
        self._lease_seconds = lease_seconds

    def take_at_once(self, bucket: Bucket) -> bool:
        """Spend a token at hand, and ask for more ahead of need."""
        lease = bucket.lease
        now = time.monotonic()
        if not lease.take(now):
            return False
        if lease.renewal is None and (
            now > lease.renew_at or lease.tokens < chunk_of(bucket.per_minute) // 2
        ):
            lease.renewal = self._start_renewal(bucket)
        return True

    async def wait_of(self, bucket: Bucket, *, deadline: float) -> int:
        """Return 0 when the request may pass, else the seconds for ``Retry-After``.

        Raises:
            DatabaseUnavailable: The ledger could not be asked by ``deadline``, a time of the event
                loop's clock.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await self._wait_of(bucket)
        except TimeoutError:
            raise DatabaseUnavailable("no token could be leased in time") from None

    async def _wait_of(self, bucket: Bucket) -> int:
        lease = bucket.lease
        while not lease.take(now := time.monotonic()):
            if now < lease.denied_until:
                return max(math.ceil(lease.denied_until - now), 1)
            if lease.renewal is None:
                lease.renewal = self._start_renewal(bucket)
            # Shared by all that wait: one of them leaving must not end it.
            fault = await asyncio.shield(lease.renewal)
            if fault is not None:
                raise fault
        return 0

    def _start_renewal(self, bucket: Bucket) -> asyncio.Task[DatabaseUnavailable | None]:
        return self._group.create_task(self._renew(bucket), name="renew-lease")

    async def _renew(self, bucket: Bucket) -> DatabaseUnavailable | None:
        lease = bucket.lease
        asked_at = time.monotonic()
        returned = lease.put_down_expired(asked_at)
        try:
            grant = await self._lease_tokens(bucket, lease.tokens, returned)
        except DatabaseUnavailable as error:
            return error
        except Exception as error:  # noqa: BLE001 - a task's border: one webhook must not end all
            _log.exception("lease_failed", webhook=str(bucket.webhook_id), error=repr(error))
            return DatabaseUnavailable("no token could be leased")
        finally:
            lease.renewal = None
        lease.tokens += grant.tokens
        # Counted from before the question: the ledger's own clock starts later, never earlier.
        lease.expires_at = asked_at + self._lease_seconds
        lease.renew_at = asked_at + self._lease_seconds / 2
        if grant.tokens == 0:
            lease.denied_until = time.monotonic() + grant.wait_seconds
        return None
