"""Invoices of the PSA store."""

from uuid import UUID

from shared.database.queries import Queries
from shared.psa.store import Store, Values

_QUERIES = Queries(__package__, "invoices.sql")


class Invoices:
    """Reads and writes invoices on a delivery's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lock(self, invoice_id: UUID) -> Values | None:
        """Return an invoice, locked until the transaction ends."""
        return await self._store.find(_QUERIES["lock"], invoice_id)

    async def update(self, invoice_id: UUID, changes: Values, *, event_name: str) -> None:
        """Change the columns of an invoice that are named.

        With ``replenishment_settled_at`` its replenishment goes to the client's prepaid balance.
        """
        await self._store.write(_QUERIES["update"], invoice_id, changes, event_name=event_name)
