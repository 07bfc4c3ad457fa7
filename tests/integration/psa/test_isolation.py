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
_TENANT_POLICIES = """
select p.polrelid::regclass::text, p.polcmd, p.polpermissive, p.polroles::regrole[]::text,
       pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
from pg_policy p join pg_class c on c.oid = p.polrelid and c.relnamespace = 'psa'::regnamespace
where p.polname = 'one_tenant'
"""
_SYSTEM_ROLES = """
select p.polrelid::regclass::text, p.polroles::regrole[]::text
from pg_policy p join pg_class c on c.oid = p.polrelid and c.relnamespace = 'psa'::regnamespace
where p.polname <> 'one_tenant'
"""
_BYPASSING_ROLES = """
select rolname from pg_roles
where rolname in ('postern_tenant', 'postern_system') and (rolsuper or rolbypassrls)
"""
_OWNED = """
select c.relname from pg_class c join pg_roles r on r.oid = c.relowner
where c.relnamespace = 'psa'::regnamespace and r.rolname in ('postern_tenant', 'postern_system')
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


def test_tenants_see_and_write_rows_of_their_own_alone(connection: psycopg.Connection) -> None:
    """The tenant role has one policy on each table, the same for reading and for writing."""
    own = "(tenant_id = postern.current_tenant())"
    with connection:
        policies = connection.execute(_TENANT_POLICIES).fetchall()
        others = connection.execute(_SYSTEM_ROLES).fetchall()
        tables = connection.execute(_TABLES).fetchall()
    assert {policy[0] for policy in policies} == {f"psa.{table[0]}" for table in tables}
    assert {policy[1:] for policy in policies} == {("*", True, "{postern_tenant}", own, own)}
    assert {roles for _, roles in others} == {"{postern_system}"}


def test_no_role_of_the_programs_is_above_the_policies(connection: psycopg.Connection) -> None:
    """They neither bypass row-level security nor own a table, for whose owner it does not hold."""
    with connection:
        assert connection.execute(_BYPASSING_ROLES).fetchall() == []
        assert connection.execute(_OWNED).fetchall() == []
