"""Plans that a connection keeps serve as well when their tables have grown."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.database import pool as pools
from shared.database.pool import TENANT_ROLE, Pool, connection, create_pool

#: Indexes besides the primary key that begin with the same column and serve lookups of any row.
_RIVALS_OF_THE_KEY = """
select i.indexrelid::regclass::text
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_index p on p.indrelid = i.indrelid and p.indisprimary
where c.relnamespace in ('postern'::regnamespace, 'psa'::regnamespace)
  and not i.indisprimary and not i.indisunique and i.indpred is null
  and i.indkey[0] = p.indkey[0]
order by 1
"""
_GROW = (
    "insert into public.grown select $1, gen_random_uuid() from generate_series(1, $2::integer)"
)
_PLAN = "explain (costs off) execute lookup ($$%s$$, $$%s$$)"
_TENANT = "018f0000-0000-7000-8000-000000000001"


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, with a table whose two indexes cost the same while it is empty."""
    opened = await asyncpg.connect(database_url)
    await opened.execute(
        "create table public.grown (tenant_id uuid, row_id uuid, filling char(2000) storage plain "
        "default '', primary key (tenant_id, row_id));"
        "create index grown_tenant on public.grown (tenant_id);"
        "alter table public.grown set (autovacuum_enabled = off);"
        "grant select on public.grown to postern_tenant"
    )
    yield opened
    await opened.close()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of one connection that keeps its plans."""
    async with await create_pool(
        database_url, role=TENANT_ROLE, application_name="plan-tests", size=1, keeps_plans=True
    ) as opened:
        yield opened


async def _plan_when_grown(owner: asyncpg.Connection, pool: Pool) -> str:
    """Plan a lookup by key, let the table grow, and return the plan that is then used."""
    async with connection(pool) as borrowed:
        await borrowed.execute(
            "prepare lookup as select from public.grown where tenant_id = $1 and row_id = $2"
        )
        await borrowed.fetch(_PLAN % (_TENANT, _TENANT))
    await owner.execute(_GROW, _TENANT, 5000)
    async with connection(pool) as borrowed:
        lines = await borrowed.fetch(_PLAN % (_TENANT, _TENANT))
    return "\n".join(line[0] for line in lines)


async def test_plans_are_kept(owner: asyncpg.Connection, pool: Pool) -> None:
    """Within seconds the first plan is used again, however bad it has become."""
    assert "grown_tenant" in await _plan_when_grown(owner, pool)


async def test_plans_are_made_anew_after_their_time(
    owner: asyncpg.Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who borrows the connection later gets a plan for the table as it is then."""
    monkeypatch.setattr(pools, "_PLANS_KEPT_SECONDS", 0.0)
    assert "grown_pkey" in await _plan_when_grown(owner, pool)


async def test_no_index_rivals_a_primary_key(database_url: str) -> None:
    """Each that begins like the key is for rows that a lookup by key does not speak of."""
    owner = await asyncpg.connect(database_url)
    assert await owner.fetch(_RIVALS_OF_THE_KEY) == []
    await owner.close()
