"""Requests with an Idempotency-Key: claimed, marked when carried out, and their answers kept."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import TenantId

_QUERIES = Queries(__package__, "idempotent_requests.sql")

#: Longer than any request takes; whoever holds a claim for longer has stopped.
CLAIM_SECONDS = 60.0
KEPT_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out one request."""

    tenant_id: TenantId
    #: SHA-256 of caller, route and key.
    key_digest: bytes
    request_id: UUID

    @property
    def mark(self) -> tuple[LiteralString, UUID, str, UUID]:
        """Return the query, with its values, that notes in a transaction that it is made."""
        return _QUERIES["mark"], self.tenant_id, self.key_digest.hex(), self.request_id


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request that somebody has claimed before."""

    request_id: UUID
    #: SHA-256 of what was asked.
    request_digest: bytes
    #: True: its change was made, whatever became of its answer.
    is_committed: bool
    #: True: nobody is at it any more.
    has_stopped: bool
    #: None: there is none, yet or for good.
    sealed_answer: bytes | None


class IdempotentRequests:
    """Reads and writes such requests on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, claim: Claim, *, request_digest: bytes) -> bool:
        """Take the right to carry out a request; return whether it was to be had."""
        taken = await self._connection.fetchval(
            _QUERIES["claim"],
            claim.tenant_id,
            claim.key_digest,
            claim.request_id,
            request_digest,
            CLAIM_SECONDS,
            KEPT_SECONDS,
        )
        return taken is not None

    async def find(self, claim: Claim) -> KnownRequest | None:
        """Return what is known of the request that a claim could not be had for."""
        row = await self._connection.fetchrow(_QUERIES["find"], claim.tenant_id, claim.key_digest)
        return None if row is None else KnownRequest(**row)

    async def complete(self, claim: Claim, *, sealed_answer: bytes) -> None:
        """Keep the answer of a request that was carried out."""
        await self._connection.execute(
            _QUERIES["complete"],
            claim.tenant_id,
            claim.key_digest,
            claim.request_id,
            sealed_answer,
        )

    async def release(self, claim: Claim, *, is_certain: bool) -> None:
        """Forget a request that changed nothing, so that it may be sent again.

        Where that is not certain, one whose change is marked as made is kept.
        """
        await self._connection.execute(
            _QUERIES["release"], claim.tenant_id, claim.key_digest, claim.request_id, is_certain
        )
