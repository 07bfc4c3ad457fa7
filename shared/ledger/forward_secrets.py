"""Sealed secrets that sign one webhook's forwards, beside or instead of the workers' own."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.crypto.keyring import Keyring
from shared.crypto.sealing import seal, unseal
from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import uuid7

_QUERIES = Queries(__package__, "forward_secrets.sql")

#: Part of what a sealed secret is bound to: one of another purpose does not open here.
_PURPOSE = UUID("5d0c4c1e-3f0a-4e0e-9b57-6f1d6c1f7a02")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardSecret:
    """A secret that signs."""

    secret_id: UUID
    #: None: the keys made of the workers' own secret.
    sealed: bytes | None
    created_at: datetime
    #: None: until it is replaced.
    valid_until: datetime | None


class ForwardSecrets:
    """Reads and writes the secrets of one webhook on one connection."""

    def __init__(self, connection: Connection, *, tenant_id: UUID, webhook_id: UUID) -> None:
        self._connection = connection
        self._ids = (tenant_id, webhook_id)

    async def list_live(self) -> list[ForwardSecret]:
        """Return the secrets that sign now, newest first; none where the webhook has none."""
        rows = await self._connection.fetch(_QUERIES["list_live"], *self._ids)
        return [
            ForwardSecret(
                secret_id=row["secret_id"],
                sealed=row["sealed"] or None,
                created_at=row["created_at"],
                valid_until=row["valid_until"],
            )
            for row in rows
        ]

    async def replace(self, keyring: Keyring, key: bytes, *, overlap_seconds: float) -> None:
        """Let a key sign from now on; what signed before does so for the overlap."""
        if not overlap_seconds:
            await self.delete_all()
        else:
            await self._connection.execute(_QUERIES["delete_ended"], *self._ids)
            if not await self.list_live():
                await self._insert(uuid7(), b"")
            await self._connection.execute(_QUERIES["retire"], *self._ids, float(overlap_seconds))
        secret_id = uuid7()
        await self._insert(secret_id, seal(keyring, key, context=self._context(secret_id)))

    async def delete_all(self) -> None:
        """Let the keys made of the workers' own secret sign again."""
        await self._connection.execute(_QUERIES["delete_all"], *self._ids)

    def opened(self, keyring: Keyring, secret: ForwardSecret) -> bytes | None:
        """Return a secret's key; None for the keys made of the workers' own secret.

        Raises:
            DecodeError: It is sealed with a key that is not in the ring, or was altered.
        """
        if secret.sealed is None:
            return None
        return unseal(keyring, secret.sealed, context=self._context(secret.secret_id))

    async def _insert(self, secret_id: UUID, sealed: bytes) -> None:
        await self._connection.execute(_QUERIES["insert"], *self._ids, secret_id, sealed)

    def _context(self, secret_id: UUID) -> tuple[UUID, ...]:
        return (*self._ids, secret_id, _PURPOSE)
