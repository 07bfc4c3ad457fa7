"""Clients of the PSA store, as actions write them."""

from typing import Any, LiteralString
from uuid import UUID

import asyncpg

from shared.database.queries import Queries
from shared.domain.identifiers import uuid7
from shared.errors import Conflict
from shared.psa.store import Store, Values

_QUERIES = Queries(__package__, "clients.sql")

#: Columns that an action may write, with what a new client starts with.
CLIENT_DEFAULTS: dict[str, Any] = {
    "name": None,
    "client_type": "company",
    "url": None,
    "phone_no": None,
    "email": None,
    "address": None,
    "address_2": None,
    "city": None,
    "state": None,
    "zip": None,
    "country": None,
    "default_currency_code": None,
    "notes": None,
    "is_inactive": False,
}


class Clients:
    """Reads and writes clients on a delivery's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lock(self, client_id: UUID) -> Values | None:
        """Return a client, locked until the transaction ends."""
        return await self._store.find(_QUERIES["lock"], client_id)

    async def insert(self, client_id: UUID, values: Values) -> None:
        """Insert a client with what its billing starts with; the event tells that, too.

        Raises:
            Conflict: The name is taken. The transaction can then only be rolled back.
        """
        billing = await self._store.find(_QUERIES["find_billing_defaults"]) or {}
        client = {**values, "billing_profile_id": uuid7(), **billing}
        await self._write(_QUERIES["insert"], client_id, client, event_name="client.created")

    async def update(self, client_id: UUID, changes: Values, *, event_name: str) -> None:
        """Change the columns of a client that are named.

        Raises:
            Conflict: The name is taken. The transaction can then only be rolled back.
        """
        await self._write(_QUERIES["update"], client_id, changes, event_name=event_name)

    async def _write(
        self, query: LiteralString, client_id: UUID, values: Values, *, event_name: str
    ) -> None:
        try:
            await self._store.write(query, client_id, values, event_name=event_name)
        except asyncpg.UniqueViolationError as error:
            raise Conflict(f"another client has the name {values['name']!r}") from error
