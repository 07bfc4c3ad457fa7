"""Connections that look PostgreSQL's own types up once for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import asyncpg

#: Object ids from here on are given by each database; those below are PostgreSQL's own.
#: Source: https://www.postgresql.org/docs/current/system-catalog-initial-data.html
_FIRST_OWN_OID = 16384


@dataclass(frozen=True, slots=True)
class _NoStatement:
    """Stands for the statement with which the driver looks types up, where none was sent."""

    name: str = "known"


class KnownTypesConnection(asyncpg.Connection):
    """A connection that knows the types of arrays that another one has met.

    The driver asks each server process anew for every type of array, which costs that process tens
    of milliseconds: a pool that grows under load would spend more on it than on the load.
    """

    #: By the set of object ids that was asked for.
    _known_types: ClassVar[dict[frozenset[int], Any]] = {}

    async def _introspect_types(
        self,
        typeoids: Iterable[int],
        timeout: float | None,  # noqa: ASYNC109 - the driver's own signature
    ) -> tuple[Any, Any]:
        wanted = frozenset(typeoids)
        if wanted in self._known_types:
            return self._known_types[wanted], _NoStatement()
        types, statement = await super()._introspect_types(  # type: ignore[misc]
            typeoids, timeout
        )
        if max(wanted) < _FIRST_OWN_OID:
            self._known_types[wanted] = types
        return types, statement
