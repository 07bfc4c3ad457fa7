"""What came of accepted events, as a trigger in the database has noted it."""

from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg

from shared.database.queries import Queries

_QUERIES = Queries(__package__, "effects.sql")


class Faults(NamedTuple):
    """What must be none."""

    lost: int
    doubled: int
    out_of_order: int


class Effects:
    """Notes the effects of a running system from entering on; asked over one connection."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)

    def __enter__(self) -> Self:
        self._connection.execute(_QUERIES["install"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def count(self) -> int:
        """Return how many effects there are."""
        return int(self._one("effect_count"))

    def so_far(self) -> int:
        """Return about how many effects there are, at no cost."""
        return int(self._one("effects_so_far"))

    def pending_count(self) -> int:
        """Return how many deliveries are not handled."""
        return int(self._one("pending_count"))

    def oldest_pending_ms(self) -> int | None:
        """Return when the oldest delivery that is not handled came, in Unix milliseconds."""
        delivery_id = self._one("oldest_pending")
        return None if delivery_id is None else delivery_id.int >> 80

    def faults(self, accepted: set[str]) -> Faults:
        """Hold all effects against the accepted events."""
        rows = self._connection.execute(_QUERIES["events"]).fetchall()
        return Faults(
            lost=len(accepted - {event_id for (event_id,) in rows}),
            doubled=int(self._one("doubled")),
            out_of_order=int(self._one("out_of_order")),
        )

    def _one(self, name: str) -> Any:
        row = self._connection.execute(_QUERIES[name]).fetchone()
        return row[0] if row else None
