"""Types are looked up once for all connections, on a real server."""

from typing import Any

import asyncpg
import pytest

from shared.database.known_types import KnownTypesConnection

_LOOK_UP = "typeinfo_tree"
_OWN = "create type public.mood as enum ('calm', 'wild')"


async def _look_ups(url: str, query: str, *values: object, connection_class: type) -> list[str]:
    """Run a query on a connection of its own; return the driver's look-ups."""
    sent: list[str] = []
    connection: Any = await asyncpg.connect(url, connection_class=connection_class)
    connection.add_query_logger(lambda record: sent.append(record.query))
    try:
        assert await connection.fetchval(query, *values) == values[0]
        assert await connection.fetchval(query, *values) == values[0]
    finally:
        await connection.close()
    return [query for query in sent if _LOOK_UP in query]


@pytest.mark.parametrize(
    ("type_name", "value"), [("integer[]", [1, 2]), ("text[]", ["a", None]), ("point", (1.0, 2.0))]
)
async def test_types_of_postgresql_are_looked_up_once(
    database_url: str, type_name: str, value: object
) -> None:
    """Every connection after the first reads and writes them without asking."""
    query = f"select $1::{type_name}"
    for number in range(3):
        asked = await _look_ups(database_url, query, value, connection_class=KnownTypesConnection)
        assert not (number and asked)


async def test_the_driver_alone_asks_on_each_connection(database_url: str) -> None:
    """Else the class would be for nothing."""
    for _ in range(2):
        assert await _look_ups(
            database_url, "select $1::integer[]", [1], connection_class=asyncpg.Connection
        )


async def test_types_of_a_database_are_looked_up_by_each_connection(database_url: str) -> None:
    """Another database may have another type under the same number."""
    owner = await asyncpg.connect(database_url)
    await owner.execute(_OWN)
    await owner.close()
    for _ in range(2):
        assert await _look_ups(
            database_url,
            "select $1::public.mood[]",
            ["calm"],
            connection_class=KnownTypesConnection,
        )
