"""What admins fill for actions to refer to: people, boards, statuses, projects, services."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.errors import InvalidInput

_QUERIES = Queries(__package__, "reference_data.sql")

#: By table, so that each comes after those that it refers to.
_UPSERTS = {
    "users": _QUERIES["upsert_users"],
    "teams": _QUERIES["upsert_teams"],
    "contracts": _QUERIES["upsert_contracts"],
    "clients": _QUERIES["upsert_clients"],
    "billing_profiles": _QUERIES["upsert_billing_profiles"],
    "locations": _QUERIES["upsert_locations"],
    "contacts": _QUERIES["upsert_contacts"],
    "boards": _QUERIES["upsert_boards"],
    "ticket_statuses": _QUERIES["upsert_ticket_statuses"],
    "priorities": _QUERIES["upsert_priorities"],
    "categories": _QUERIES["upsert_categories"],
    "checklist_templates": _QUERIES["upsert_checklist_templates"],
    "services": _QUERIES["upsert_services"],
    "projects": _QUERIES["upsert_projects"],
    "project_phases": _QUERIES["upsert_project_phases"],
    "project_status_mappings": _QUERIES["upsert_project_status_mappings"],
    "non_billable_categories": _QUERIES["upsert_non_billable_categories"],
    "interactions": _QUERIES["upsert_interactions"],
    "time_periods": _QUERIES["upsert_time_periods"],
    "invoices": _QUERIES["upsert_invoices"],
}


class ReferenceData:
    """Writes reference data on one connection, in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def upsert_settings(self, tenant_id: UUID, settings: Mapping[str, Any]) -> None:
        """Set how a tenant's tickets are numbered and tracked, and what new clients start with."""
        await self._connection.execute(
            _QUERIES["upsert_settings"], tenant_id, orjson.dumps(settings).decode()
        )

    async def upsert_all(
        self, tenant_id: UUID, tables: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> None:
        """Insert or update rows by their ids, in the order in which tables refer to each other.

        Clients that have no default billing profile after that are given one.

        Raises:
            InvalidInput: The rows of a table break a rule of it, such as two of one name. The
                transaction can then only be rolled back.
        """
        for table, query in _UPSERTS.items():
            rows = orjson.dumps(tables.get(table, [])).decode()
            with _broken_rules_of(table):
                await self._connection.execute(query, tenant_id, rows)
        with _broken_rules_of("billing_profiles"):
            await self._connection.execute(_QUERIES["insert_default_billing_profiles"], tenant_id)


@contextmanager
def _broken_rules_of(table: str) -> Iterator[None]:
    try:
        yield
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
        raise InvalidInput(f"{table}: {_reason(error)}") from error


def _reason(error: asyncpg.PostgresError) -> str:
    return f"{error.message} {error.detail or ''}".strip()
