"""Every query of every .sql file is planned by a real server, as a role that the programs have."""

from pathlib import Path

import psycopg
import pytest

from shared.database.pool import SYSTEM_ROLE, TENANT_ROLE
from shared.database.queries import Queries
from tests.house import ROOT, sql_files

#: Everything that plans runs as one of these; only migrations run as the owner.
_ROLES = {"shared/database/migrate.sql": ("postgres",)}
_ANY_PROGRAM = (SYSTEM_ROLE, TENANT_ROLE)
#: What PostgreSQL runs but does not plan, and what changes nothing: it is run.
_UTILITIES = ("discard plans",)


def _all_queries() -> list[tuple[str, str]]:
    return [
        (str(path.relative_to(ROOT)), name)
        for path in sql_files()
        for name in Queries(".".join(path.relative_to(ROOT).parts[:-1]), path.name).names()
    ]


@pytest.mark.parametrize(("file", "name"), _all_queries())
def test_query_is_planned(read_only_database_url: str, file: str, name: str) -> None:
    """Names, types and privileges of the query fit the migrated schema."""
    path = Path(file)
    query = Queries(".".join(path.parts[:-1]), path.name)[name]
    roles = _ROLES.get(file, _ANY_PROGRAM)
    refusals = [
        refusal for role in roles if (refusal := _refusal(read_only_database_url, role, query))
    ]
    assert len(refusals) < len(roles), refusals


def _refusal(url: str, role: str, query: str) -> str | None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"set role {role}".encode())
        try:
            # Preparing would not look at privileges; this does, and runs nothing.
            explain = "" if query.endswith(_UTILITIES) else "explain (generic_plan) "
            connection.execute(f"{explain}{query}".encode())
        except psycopg.Error as error:
            return f"{role}: {error}"
    return None
