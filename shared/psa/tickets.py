"""Tickets of the PSA store, with their comments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.database.queries import Queries
from shared.psa.store import Store, Values

_QUERIES = Queries(__package__, "tickets.sql")

#: Columns that an action may write, with what a new ticket starts with.
TICKET_DEFAULTS: dict[str, Any] = {
    "title": None,
    "description": None,
    "client_id": None,
    "board_id": None,
    "status_id": None,
    "priority_id": None,
    "assigned_to": None,
    "assigned_team_id": None,
    "category_id": None,
    "subcategory_id": None,
    "contact_id": None,
    "location_id": None,
    "billing_profile_id": None,
    "due_date": None,
}

#: Columns by which a ticket's place is known, as the query has them.
_PLACING = (
    "board_id",
    "status_id",
    "location_id",
    "subcategory_id",
    "category_id",
    "priority_id",
)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the things belong that a ticket refers to, and what a new ticket there starts with."""

    #: The board of the ticket's status.
    status_board_id: UUID | None
    #: What a ticket on its board starts with.
    default_status_id: UUID | None
    #: The client of the ticket's location.
    location_client_id: UUID | None
    #: The category of the ticket's subcategory.
    parent_category_id: UUID | None
    #: The default one of the ticket's location.
    billing_profile_id: UUID | None
    #: Those of the active templates that match the ticket, in their order.
    checklist_template_ids: Sequence[UUID]


class Tickets:
    """Reads and writes tickets on a delivery's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lock(self, ticket_id: UUID) -> Values | None:
        """Return a ticket, locked until the transaction ends."""
        return await self._store.find(_QUERIES["lock"], ticket_id)

    async def find_placement(self, ticket: Values) -> Placement:
        """Return where the things belong that a ticket's columns refer to, and its defaults."""
        row = await self._store.find(
            _QUERIES["find_placement"],
            *(ticket[name] for name in _PLACING),
        )
        return Placement(**(row or {}))

    async def insert(self, ticket_id: UUID, values: Values) -> str:
        """Insert a ticket; return its number, which is the tenant's next.

        Numbers have no gaps: one that is taken in a transaction that fails is given again.
        ``asset_id`` among the values is an asset that the ticket is about, and
        ``checklist_template_ids`` are templates whose items it gets, in this order.
        """
        row = await self._store.write(
            _QUERIES["insert"], ticket_id, values, event_name="ticket.created"
        )
        number: str = row["ticket_number"]
        return number

    async def update(self, ticket_id: UUID, changes: Values, *, event_name: str) -> None:
        """Change the columns of a ticket that are named."""
        await self._store.write(_QUERIES["update"], ticket_id, changes, event_name=event_name)

    async def insert_comment(self, ticket_id: UUID, comment: Values) -> None:
        """Add a comment in a thread of its own; one that a contact wrote asks for an answer."""
        await self._store.write(
            _QUERIES["insert_comment"], ticket_id, comment, event_name="ticket.comment_added"
        )
