"""Time entries of the PSA store."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database.queries import Queries
from shared.psa.store import Store, Values

_QUERIES = Queries(__package__, "time_entries.sql")


@dataclass(frozen=True, slots=True)
class WorkDay:
    """The day that a moment falls on where a user works."""

    #: In ISO 8601.
    work_date: str
    work_time_zone: str
    #: The time period of the day, where there is one.
    period_id: UUID | None


class TimeEntries:
    """Writes time entries on a delivery's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find_work_day(self, user_id: UUID, moment: datetime) -> WorkDay | None:
        """Return the day of a moment for a user; None where there is no such user."""
        row = await self._store.find(_QUERIES["find_work_day"], user_id, moment)
        return None if row is None else WorkDay(**row)

    async def insert(self, entry_id: UUID, values: Values) -> None:
        """Insert a draft entry, with the user's sheet of the period where there is none yet.

        ``period_id`` and a ``time_sheet_id`` for a new sheet are among the values.
        """
        await self._store.write(
            _QUERIES["insert"], entry_id, values, event_name="time_entry.created"
        )
