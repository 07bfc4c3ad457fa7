"""What a delivery reads does not grow with what the tenant has, even by plans of its first one."""

from collections.abc import AsyncIterator

import pytest

from shared.database.pool import TENANT_ROLE, Pool, create_pool
from shared.expressions.sandbox import Sandbox
from tests.integration.worker.world import DEVICE_BODY, Ledger, build_processor
from worker.actions.registry import Registry
from worker.processor import Processor

_GROWN = 3000
_HANDLED = 20
_FLUSH_STATISTICS = "select pg_stat_force_next_flush()"
_ENTRIES_READ = """
select coalesce(sum(idx_tup_read), 0)::bigint + coalesce(sum(idx_scan), 0)::bigint
from pg_stat_user_indexes where relname ~ '^(deliveries|assets|external|webhooks|outbox|circuit)'
"""
_GROW_WEBHOOKS = """
insert into postern.webhooks (
    tenant_id, webhook_id, name, slug, auth_type, handler_type, handler_config)
select $1, uuidv7(), n::text, n::text, 'bearer', 'direct_action', '{}'
from generate_series(1, $2::integer) n
"""
_GROW_ASSETS = """
insert into psa.assets (tenant_id, asset_id, name, asset_type)
select $1, uuidv7(), n::text, 'server' from generate_series(1, $2::integer) n
"""
_GROW_MAPPINGS = """
insert into postern.external_entity_mappings (
    tenant_id, webhook_id, entity_type, external_id, entity_id)
select $1, webhook_id, 'asset', slug, uuidv7() from postern.webhooks
where tenant_id = $1 limit $2::integer
"""
_GROW_BREAKERS = """
insert into postern.circuit_breakers (
    tenant_id, webhook_id, failures, last_failed, hold_seconds)
select $1, webhook_id, 1, uuidv7(), 1 from postern.webhooks
where tenant_id = $1 and slug ~ '^[0-9]' limit $2::integer
"""
_GROW = (_GROW_WEBHOOKS, _GROW_ASSETS, _GROW_MAPPINGS, _GROW_BREAKERS)


@pytest.fixture
async def steady_pool(database_url: str) -> AsyncIterator[Pool]:
    """The pool of a worker, with one connection, so that its first plans are met again."""
    async with await create_pool(
        database_url, role=TENANT_ROLE, application_name="growth", size=1, keeps_plans=True
    ) as pool:
        yield pool


@pytest.fixture
def steady_processor(steady_pool: Pool, sandbox: Sandbox, registry: Registry) -> Processor:
    """A worker's processor over that connection."""
    return build_processor(steady_pool, sandbox, registry)


async def _read_by(ledger: Ledger, pool: Pool, processor: Processor, prefix: str) -> int:
    """Return how many index entries some deliveries read, each about an asset of its own."""
    queued = [
        await ledger.record({**DEVICE_BODY, "device": {"id": f"{prefix}-{number}"}})
        for number in range(_HANDLED)
    ]
    before = await _read_in_all(ledger, pool)
    for delivery in queued:
        await processor.process(delivery)
        assert (await ledger.outcome(delivery))["action"] == "upsertAssetByExternalId"
    return await _read_in_all(ledger, pool) - before


async def _read_in_all(ledger: Ledger, pool: Pool) -> int:
    await pool.execute(_FLUSH_STATISTICS)  # of the one connection that processes
    await ledger.pool.execute(_FLUSH_STATISTICS)
    entries: int = await ledger.pool.fetchval(_ENTRIES_READ)
    return entries


async def test_a_delivery_reads_no_more_when_the_tenant_has_grown(
    ledger: Ledger, steady_processor: Processor, steady_pool: Pool
) -> None:
    """Thousands of webhooks, assets and mappings later a delivery still finds its rows by key."""
    await ledger.insert_client(external_id="org-1")
    few = await _read_by(ledger, steady_pool, steady_processor, "first")
    for statement in _GROW:
        await ledger.pool.execute(statement, ledger.tenant_id, _GROWN)
    many = await _read_by(ledger, steady_pool, steady_processor, "second")
    assert many < 2 * few + _GROWN, f"{few} index entries for {_HANDLED} deliveries, then {many}"
