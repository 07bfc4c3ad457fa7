"""A ledger with one tenant, one webhook and one mapped client, and a processor over it."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from shared.database.pool import TENANT_ROLE, Pool, create_pool
from shared.expressions.sandbox import Sandbox
from tests.integration.worker import effects
from tests.integration.worker.world import DEVICE_MAPPING, Ledger, build_processor
from worker.actions import assets
from worker.actions.registry import Registry
from worker.processor import Processor


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    """The ledger, seen by the superuser, with the webhook of the reference example."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        opened = Ledger(pool)
        await opened.insert_tenant()
        await opened.insert_webhook(field_mapping=DEVICE_MAPPING)
        yield opened


@pytest.fixture
async def effects_ledger(database_url: str) -> AsyncIterator[Ledger]:
    """The ledger, with a webhook whose action leaves rows that can be counted."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        await pool.execute(effects.CREATE_TABLE)
        opened = Ledger(pool)
        await opened.insert_tenant()
        await opened.insert_webhook(field_mapping=effects.MAPPING, action="recordEffect")
        yield opened


@pytest.fixture
async def client_id(ledger: Ledger) -> UUID:
    """The client that the sender calls ``org-1``."""
    return await ledger.insert_client(external_id="org-1")


@pytest.fixture
async def tenant_pool(database_url: str) -> AsyncIterator[Pool]:
    """The pool of a worker."""
    async with await create_pool(
        database_url, role=TENANT_ROLE, application_name="worker-tests", size=50
    ) as pool:
        yield pool


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox of one process."""
    async with Sandbox(size=1) as started:
        yield started


@pytest.fixture
def registry() -> Registry:
    """The bundled actions, and one whose effects can be counted."""
    actions = Registry()
    actions.add_module(assets)
    actions.add_module(effects)
    return actions


@pytest.fixture
def processor(tenant_pool: Pool, sandbox: Sandbox, registry: Registry) -> Processor:
    """A worker's processor."""
    return build_processor(tenant_pool, sandbox, registry)
