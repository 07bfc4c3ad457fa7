"""Every query of every .sql file is planned by a real server, as a role that the programs have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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

#: As workers plan; PostgreSQL then shows by which values an index is searched.
_WORKERS_PLANS = """
set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;
set enable_bitmapscan = off
"""
_FUNCTION = re.compile(r"\bpostern\.\w+")
_BY_ANOTHER_TABLE = re.compile(r"delivery_id [<>=]+ [^)]*\b\w+\.\w+")


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


@pytest.mark.parametrize(("file", "name"), _all_queries())
def test_query_does_not_lock_rows_and_prune_while_it_runs(
    read_only_database_url: str, file: str, name: str
) -> None:
    """PostgreSQL 18.4 would end when such a query meets a row that has just changed."""
    path = Path(file)
    query = Queries(".".join(path.parts[:-1]), path.name)[name]
    if query.endswith(_UTILITIES):
        return
    with psycopg.connect(read_only_database_url, autocommit=True) as connection:
        connection.execute(_WORKERS_PLANS)
        explain = f"explain (generic_plan, format json) {query}"
        row = connection.execute(explain.encode()).fetchone()
    assert row is not None
    nodes = list(_nodes(row[0][0]["Plan"]))
    may_recheck = any(_may_recheck(node) for node, _ in nodes)
    is_pruned = any(is_reached and _is_pruned(node) for node, is_reached in nodes)
    assert not (may_recheck and is_pruned), "make it a function that plans without, as 0019 does"


def _nodes(
    plan: dict[str, Any], *, is_reached: bool = False
) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield each node, and whether a recheck of a row initialises it again.

    It does so with all subplans, and with what is below the lock.
    """
    is_reached = is_reached or "Subplan Name" in plan or _may_recheck(plan)
    yield plan, is_reached
    for child in plan.get("Plans", ()):
        yield from _nodes(child, is_reached=is_reached)


def _may_recheck(node: dict[str, Any]) -> bool:
    return node["Node Type"] == "LockRows" or node.get("Operation") in {"Update", "Delete"}


def _is_pruned(node: dict[str, Any]) -> bool:
    """Tell whether a partition is searched by what another table says."""
    if not str(node.get("Relation Name", "")).startswith("deliveries_"):
        return False
    condition = _FUNCTION.sub("", str(node.get("Index Cond", "")))
    return _BY_ANOTHER_TABLE.search(condition) is not None
