"""Whether the entities that others refer to are there."""

from collections.abc import Sequence
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "references.sql")

#: Every type of entity that a field may refer to.
REFERENCE_TYPES = frozenset(
    {
        "asset",
        "board",
        "client",
        "client_location",
        "contact",
        "interaction",
        "invoice",
        "non_billable_category",
        "priority",
        "project",
        "project_phase",
        "project_status_mapping",
        "project_task",
        "service",
        "team",
        "ticket",
        "ticket_category",
        "ticket_priority",
        "ticket_status",
        "ticket_subcategory",
        "time_entry",
        "user",
    }
)


class References:
    """Looks entities up on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find_missing(
        self, tenant_id: UUID, wanted: Sequence[tuple[str, UUID]]
    ) -> list[tuple[str, UUID]]:
        """Return those of some (entity type, id) that the tenant does not have, in their order."""
        rows = await self._connection.fetch(
            _QUERIES["find_missing"],
            tenant_id,
            [entity_type for entity_type, _ in wanted],
            [entity_id for _, entity_id in wanted],
        )
        return [wanted[row["position"] - 1] for row in rows]

    async def find_names(
        self, tenant_id: UUID, wanted: Sequence[tuple[str, UUID]]
    ) -> list[str | None]:
        """Return what people call each of some (entity type, id); None where there is none."""
        rows = await self._connection.fetch(
            _QUERIES["find_names"],
            tenant_id,
            [entity_type for entity_type, _ in wanted],
            [entity_id for _, entity_id in wanted],
        )
        return [row["name"] for row in rows]
