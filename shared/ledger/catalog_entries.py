"""The catalogues of actions and workflows, as workers announced them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "catalog_entries.sql")


@dataclass(frozen=True, slots=True)
class ActionEntry:
    """One action that workers can run."""

    name: str
    entity_type: str
    #: Its description with ``target_fields``.
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WorkflowEntry:
    """One workflow that workers can carry on."""

    name: str
    #: Its description, with ``body_schema``.
    definition: Mapping[str, Any]


class CatalogEntries:
    """Reads the catalogues on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list_actions(self) -> list[ActionEntry]:
        """Return every action, by entity type, then name."""
        rows = await self._connection.fetch(_QUERIES["list_actions"])
        return [
            ActionEntry(row["name"], row["entity_type"], orjson.loads(row["definition"]))
            for row in rows
        ]

    async def list_workflows(self) -> list[WorkflowEntry]:
        """Return every workflow, by name."""
        rows = await self._connection.fetch(_QUERIES["list_workflows"])
        return [WorkflowEntry(row["name"], orjson.loads(row["definition"])) for row in rows]
