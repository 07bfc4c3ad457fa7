"""Every table of the PSA store: keyed by tenant first, guarded by row-level security."""

import psycopg
import pytest

_TABLES = """
select c.relname, c.relrowsecurity, a.attname as first_key_column,
       (select count(*) from pg_policy p where p.polrelid = c.oid) as policy_count
from pg_class c
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'psa'
left join pg_index i on i.indrelid = c.oid and i.indisprimary
left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
where c.relkind = 'r'
"""
_FOREIGN_KEYS = """
select conrelid::regclass::text || '.' || conname,
       (select attname from pg_attribute where attrelid = conrelid and attnum = conkey[1]),
       (select attname from pg_attribute where attrelid = confrelid and attnum = confkey[1])
from pg_constraint
where contype = 'f' and connamespace = 'psa'::regnamespace
"""


@pytest.fixture
def connection(read_only_database_url: str) -> psycopg.Connection:
    """A connection of the superuser's."""
    return psycopg.connect(read_only_database_url, autocommit=True)


def test_tables_are_a_tenants_own(connection: psycopg.Connection) -> None:
    """tenant_id leads each primary key, and both policies are on."""
    with connection:
        tables = connection.execute(_TABLES).fetchall()
    assert len(tables) >= 29
    wrong = [table for table in tables if table[1:] != (True, "tenant_id", 2)]
    assert wrong == []


def test_foreign_keys_do_not_cross_tenants(connection: psycopg.Connection) -> None:
    """Each begins with the tenant on both sides."""
    with connection:
        keys = connection.execute(_FOREIGN_KEYS).fetchall()
    assert len(keys) > 60
    assert [key for key in keys if key[1:] != ("tenant_id", "tenant_id")] == []
