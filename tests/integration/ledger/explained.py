"""A connection that also explains what is fetched through it, by the plans that are kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.database.pool import Connection

_SCANS = {"Seq Scan", "Parallel Seq Scan", "Sample Scan"}


@dataclass(frozen=True)
class Explained:
    """What one statement did."""

    query: str
    plan: Mapping[str, Any]

    @property
    def blocks(self) -> int:
        """Return how many blocks of tables and indexes were touched, each time counted."""
        return int(self.plan["Shared Hit Blocks"] + self.plan["Shared Read Blocks"])

    @property
    def wholly_read(self) -> list[str]:
        """Return the tables that were read from end to end."""
        return [node["Relation Name"] for node in self._executed if node["Node Type"] in _SCANS]

    @property
    def sorted_rows(self) -> int:
        """Return how many rows the largest sort was given."""
        return max(
            (
                below["Actual Rows"]
                for node in self._executed
                if "Sort" in node["Node Type"]
                for below in node["Plans"]
            ),
            default=0,
        )

    @property
    def _executed(self) -> list[Mapping[str, Any]]:
        return [node for node in _nodes(self.plan) if node["Actual Loops"] > 0]


class ExplainingConnection:
    """Fetches like a connection, and keeps what each statement did."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._names: dict[str, str] = {}
        self.explained: list[Explained] = []

    async def fetch(
        self,
        query: str,
        *arguments: object,
        timeout: float | None = None,  # noqa: ASYNC109 - as asyncpg has it
    ) -> list[asyncpg.Record]:
        """Explain a statement and return its rows."""
        if query not in self._names:
            self._names[query] = f"explained_{len(self._names)}"
            await self._connection.execute(f"prepare {self._names[query]} as {query}")
        given = ", ".join(map(_literal, arguments))
        text = await self._connection.fetchval(
            "explain (analyze, buffers, timing off, format json)"
            f" execute {self._names[query]} ({given})"
        )
        self.explained.append(Explained(query, orjson.loads(text)[0]["Plan"]))
        return await self._connection.fetch(query, *arguments, timeout=timeout)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _literal(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool() | int():
            return str(value)
        case UUID() | str():
            return "'" + str(value).replace("'", "''") + "'"
        case bytes():
            return f"'\\x{value.hex()}'::bytea"
        case list():
            kind = "uuid" if isinstance(value[0], UUID) else "bytea"
            return f"array[{', '.join(map(_literal, value))}]::{kind}[]"
        case _:
            raise TypeError(f"write {type(value)} as SQL here")
