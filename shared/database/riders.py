"""Statements that ride along with BEGIN or COMMIT, and so cost no round trip of their own.

A round trip is most of what a short statement costs a program: system calls and a turn of the
event loop on either side. The driver sends one statement at a time, but BEGIN and COMMIT go by the
simple protocol, which takes several statements at once, without parameters and results.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from math import isfinite
from time import monotonic
from typing import Any, LiteralString
from uuid import UUID

import asyncpg

from shared.database.known_types import KnownTypesConnection

_PARAMETER = re.compile(r"\$(\d+)")
_COMMENT = re.compile(r"^--.*$", re.MULTILINE)

Scalar = UUID | str | int | float | None
#: A list is an array.
Value = Scalar | Sequence[UUID] | Sequence[str] | Sequence[int] | Sequence[float]


class RiderConnection(KnownTypesConnection):
    """A connection that sends what rides along with its next BEGIN or COMMIT."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._riders: list[str] = []
        self._planned_at = monotonic()

    def ride(self, query: LiteralString, *values: Value) -> None:
        """Have a query whose result nobody needs sent with the BEGIN or COMMIT that comes next.

        Those that ride together are executed in the order in which they were named.
        """
        self._riders.append(with_literals(query, *values))

    def has_plans_of(self, seconds: float) -> bool:
        """Tell whether its oldest plans may be of this age; who is told so has them forgotten."""
        now = monotonic()
        if now - self._planned_at < seconds:
            return False
        self._planned_at = now
        return True

    async def execute(
        self,
        query: str,
        *args: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - the driver's own signature
    ) -> str:
        """Execute a statement; one that begins or commits takes the riders along."""
        if not self._riders or query not in {"BEGIN;", "COMMIT;", "ROLLBACK;"}:
            return await super().execute(query, *args, timeout=timeout)
        riders, self._riders = ";".join(self._riders), []
        match query:
            case "BEGIN;":
                return await super().execute(f"BEGIN;{riders}")
            case "COMMIT;":
                return await self._commit_after(riders)
            case _:
                return await super().execute(query)

    async def _commit_after(self, riders: str) -> str:
        try:
            return await super().execute(f"{riders};COMMIT;")
        except asyncpg.PostgresError:
            # COMMIT was not reached, and the driver takes the transaction for ended.
            await super().execute("ROLLBACK;")
            raise


def with_literals(query: LiteralString, *values: Value) -> str:
    """Return a query with its parameters written out.

    Texts are written in hexadecimal, so that nothing in a value can be taken for SQL whatever the
    server's settings are.
    """
    parts = list(_parts(query))
    parts[1::2] = [_literal(values[int(number) - 1]) for number in parts[1::2]]
    return "".join(parts)


@lru_cache(maxsize=64)
def _parts(query: str) -> list[str]:
    """Return the texts of a query by turns with the numbers of the parameters between them."""
    return _PARAMETER.split(" ".join(_COMMENT.sub("", query).split()))


def _literal(value: Value) -> str:
    match value:
        case None:
            return "null"
        case UUID():
            return f"'{value}'"
        case list():
            return f"array[{','.join(map(_literal, value))}]"
        case str():
            return f"convert_from(decode('{value.encode().hex()}', 'hex'), 'UTF8')"
        case int() | float() if isfinite(value):
            return f"'{value}'"
        case _:
            raise ValueError(f"{value} cannot be written out")
