"""What live workers can run, as they announce it."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "catalog.sql")

#: Keys: name, entity_type, display_name, description, target_fields: ``mapping/catalogue.py`` says
#: what a target field has.
ActionDefinition = Mapping[str, Any]
#: Keys: name, description and body_schema, a JSON Schema or null.
WorkflowDefinition = Mapping[str, Any]


class Catalog:
    """Announces on one connection of the system role."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def announce_actions(self, definitions: Sequence[ActionDefinition]) -> None:
        """Insert or refresh actions."""
        await self._connection.execute(
            _QUERIES["announce_actions"],
            [definition["name"] for definition in definitions],
            [definition["entity_type"] for definition in definitions],
            [orjson.dumps(definition).decode() for definition in definitions],
        )

    async def forget_actions(self, *, after_days: int) -> None:
        """Forget actions that no worker has announced for so long."""
        await self._connection.execute(_QUERIES["forget_actions"], after_days)

    async def announce_workflows(self, definitions: Sequence[WorkflowDefinition]) -> None:
        """Insert or refresh workflows."""
        await self._connection.execute(
            _QUERIES["announce_workflows"],
            [definition["name"] for definition in definitions],
            [orjson.dumps(definition).decode() for definition in definitions],
        )

    async def forget_workflows(self, *, after_days: int) -> None:
        """Forget workflows that no worker has announced for so long."""
        await self._connection.execute(_QUERIES["forget_workflows"], after_days)
