"""Contacts of the PSA store."""

from typing import Any, LiteralString
from uuid import UUID

import asyncpg

from shared.database.queries import Queries
from shared.errors import Conflict
from shared.psa.store import Store, Values

_QUERIES = Queries(__package__, "contacts.sql")

#: Columns that an action may write, with what a new contact starts with.
CONTACT_DEFAULTS: dict[str, Any] = {
    "client_id": None,
    "full_name": None,
    "email": None,
    "phone": None,
    "role": None,
    "notes": None,
    "is_inactive": False,
}


class Contacts:
    """Reads and writes contacts on a delivery's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lock(self, contact_id: UUID) -> Values | None:
        """Return a contact, locked until the transaction ends."""
        return await self._store.find(_QUERIES["lock"], contact_id)

    async def insert(self, contact_id: UUID, values: Values) -> None:
        """Insert a contact.

        Raises:
            Conflict: The email is taken. The transaction can then only be rolled back.
        """
        await self._write(_QUERIES["insert"], contact_id, values, event_name="contact.created")

    async def update(self, contact_id: UUID, changes: Values) -> None:
        """Change the columns of a contact that are named.

        Raises:
            Conflict: The email is taken. The transaction can then only be rolled back.
        """
        await self._write(_QUERIES["update"], contact_id, changes, event_name="contact.updated")

    async def _write(
        self, query: LiteralString, contact_id: UUID, values: Values, *, event_name: str
    ) -> None:
        try:
            await self._store.write(query, contact_id, values, event_name=event_name)
        except asyncpg.UniqueViolationError as error:
            raise Conflict(f"another contact has the address {values['email']!r}") from error
