"""Row-level security alone: what the tenants' role sees and changes where a query has no filter.

The tables come from PostgreSQL's own catalogue, and their rows are made up from their columns, so
that a new table is covered by itself.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from shared.database.pool import TENANT_ROLE, Connection

OWN = UUID("01890000-0000-7000-8000-00000000000a")
FOREIGN = UUID("01890000-0000-7000-8000-00000000000b")

_TABLES = """
    select c.oid, format('%I.%I', n.nspname, c.relname) as name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition
    order by name
"""
_COLUMNS = """
    select a.attname as name, format_type(a.atttypid, null) as type
    from pg_attribute a
    where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attnotnull
      and not a.atthasdef and a.attidentity = ''
    order by a.attnum
"""
#: Checks say nothing about who sees a row, and made-up ones need not pass them.
_DROP_CHECKS = """
    do $$
    declare
        found record;
    begin
        for found in select conrelid::regclass as on_table, conname from pg_constraint
                     where contype = 'c' and conrelid <> 0 and coninhcount = 0
                       and connamespace::regnamespace::text in ('postern', 'psa')
        loop
            execute format('alter table %s drop constraint %I', found.on_table, found.conname);
        end loop;
    end
    $$
"""
#: A value of each type, as SQL; a new type in a new table wants a line here.
_VALUES = {
    "uuid": "'01890000-0000-7000-8000-0000000000ff'",
    "text": "'a'",
    "bytea": "sha256(random()::text::bytea)",
    "integer": "1",
    "bigint": "1",
    "smallint": "1",
    "numeric": "1",
    "real": "1",
    "double precision": "1",
    "boolean": "true",
    "json": "'1'",
    "jsonb": "'1'",
    "text[]": "array['a']",
    "date": "'2026-01-01'",
    "time without time zone": "'08:00'",
    "timestamp with time zone": "now()",
    "interval": "'1 hour'",
    "xid8": "pg_current_xact_id()",
}


@dataclass(frozen=True)
class Table:
    """A table with a row each of two tenants."""

    name: str
    #: Column to value, as SQL.
    values: dict[str, str]

    def insertion(self, tenant_id: UUID) -> str:
        return (
            f"insert into {self.name} ({', '.join(self.values)})"
            f" values ({', '.join(self.values.values()).format(tenant_id=tenant_id)})"
        )


@pytest.fixture
async def superuser(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def tables(superuser: Connection) -> list[Table]:
    """Every table with tenant_id, each with a row of either tenant."""
    found = [
        await _described(superuser, row["oid"], row["name"])
        for row in await superuser.fetch(_TABLES)
    ]
    async with superuser.transaction():
        await superuser.execute(_DROP_CHECKS)
        # Neither references nor triggers: a row stands for itself.
        await superuser.execute("set local session_replication_role = replica")
        for table in found:
            for tenant_id in (OWN, FOREIGN):
                await superuser.execute(table.insertion(tenant_id))
    return found


async def _described(superuser: Connection, oid: int, name: str) -> Table:
    kinds = {row["name"]: row["type"] for row in await superuser.fetch(_COLUMNS, oid)}
    values = {f'"{column}"': _VALUES[kind] for column, kind in kinds.items()}
    values['"tenant_id"'] = "'{tenant_id}'"
    if name == "postern.tenants":
        values['"slug"'] = "md5(random()::text)"
    return Table(name, values)


@asynccontextmanager
async def acting(superuser: Connection, tenant_id: UUID | None) -> AsyncIterator[None]:
    """Act as the tenants' role, for one tenant or none; nothing of it stays."""
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute(f"set local role {TENANT_ROLE}")
        if tenant_id is not None:
            await superuser.execute(
                "select set_config('postern.tenant_id', $1, true)", str(tenant_id)
            )
        yield
    finally:
        await transaction.rollback()


async def outcome(superuser: Connection, statement: str, tenant_id: UUID | None) -> str:
    """Return what became of a statement: a command's tag, or why it was refused."""
    try:
        async with acting(superuser, tenant_id):
            return await superuser.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return "refused"
    except asyncpg.IntegrityConstraintViolationError as error:
        return f"past the policies, to {type(error).__name__}"


async def leaks_of(superuser: Connection, table: Table) -> Iterator[str]:
    """Return what the tenants' role can do to this table that it must not."""
    name = table.name
    harmless = {
        (f"select from {name}", None): {"SELECT 0", "refused"},
        (f"select from {name} where tenant_id = '{FOREIGN}'", OWN): {"SELECT 0", "refused"},
        (f"select from {name}", OWN): {"SELECT 1", "refused"},
        (table.insertion(FOREIGN), OWN): {"refused"},
        (table.insertion(FOREIGN), None): {"refused"},
        (f"update {name} set tenant_id = tenant_id where tenant_id = '{FOREIGN}'", OWN): {
            "UPDATE 0",
            "refused",
        },
        (f"update {name} set tenant_id = '{FOREIGN}'", OWN): {"refused"},
        (f"update {name} set tenant_id = tenant_id", None): {"UPDATE 0", "refused"},
        (f"delete from {name} where tenant_id = '{FOREIGN}'", OWN): {"DELETE 0", "refused"},
        (f"delete from {name}", None): {"DELETE 0", "refused"},
        (f"truncate {name}", OWN): {"refused"},
    }
    outcomes = {
        (statement, tenant_id): await outcome(superuser, statement, tenant_id)
        for statement, tenant_id in harmless
    }
    return (
        f"{statement} as {tenant_id}: {outcomes[statement, tenant_id]}"
        for (statement, tenant_id), allowed in harmless.items()
        if outcomes[statement, tenant_id] not in allowed
    )


async def test_every_table_when_a_query_forgets_its_filter(
    superuser: Connection, tables: list[Table]
) -> None:
    """A tenant sees and changes its own row alone; where no tenant is named, nothing at all."""
    leaks = [leak for table in tables for leak in await leaks_of(superuser, table)]
    assert leaks == []
    assert len(tables) >= 40
    seen = [await outcome(superuser, f"select from {table.name}", OWN) for table in tables]
    assert seen.count("SELECT 1") >= 30


async def test_leaks_when_a_policy_is_missing_or_wrong(
    superuser: Connection, tables: list[Table]
) -> None:
    """The test above can fail: without its policy, or with too wide a one, a table leaks."""
    table = next(table for table in tables if table.name == "psa.clients")
    await superuser.execute("alter table psa.clients disable row level security")
    assert len(list(await leaks_of(superuser, table))) >= 5
    await superuser.execute("alter table psa.clients enable row level security")
    await superuser.execute(
        f"create policy wide on psa.clients for select to {TENANT_ROLE} using (true)"
    )
    assert len(list(await leaks_of(superuser, table))) >= 2


async def test_partitions_when_named_themselves(superuser: Connection) -> None:
    """Partitions have no policies of their own: nobody may name them."""
    open_to_tenants = await superuser.fetch(
        "select c.relname from pg_class c where c.relispartition and c.relkind = 'r'"
        f" and has_table_privilege('{TENANT_ROLE}', c.oid, 'select, insert, update, delete')"
    )
    assert open_to_tenants == []


async def test_functions_when_they_run_as_their_owner(superuser: Connection) -> None:
    """The tenants' role may call none that steps over its policies, but one that looks itself."""
    callable_by_tenants = await superuser.fetch(
        "select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where p.prosecdef and n.nspname in ('postern', 'psa')"
        " and p.prorettype <> 'trigger'::regtype"
        f" and has_function_privilege('{TENANT_ROLE}', p.oid, 'execute')"
    )
    assert [row["proname"] for row in callable_by_tenants] == ["enqueue_workflow"]


@pytest.mark.parametrize("entered", [True, False])
async def test_run_of_a_workflow_when_it_is_of_another_tenant(
    superuser: Connection, *, entered: bool
) -> None:
    """A tenant starts runs of its own deliveries alone."""
    own, foreign, delivery = uuid4(), uuid4(), uuid4()
    async with superuser.transaction():
        if entered:
            await superuser.execute("select set_config('postern.tenant_id', $1, true)", str(own))
        await superuser.execute(f"set local role {TENANT_ROLE}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no delivery of this tenant"):
            await superuser.execute(
                "select postern.enqueue_workflow($1, 'any', 'any', null, $2)",
                f"inbound-webhook:{delivery}",
                orjson.dumps({"tenant_id": foreign, "delivery_id": delivery}).decode(),
            )
