"""Requests with an Idempotency-Key: claimed, marked when carried out, and their answers kept."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from shared.database.queries import Queries
from shared.domain.identifiers import TenantId

_QUERIES = Queries(__package__, "idempotent_requests.sql")


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
