"""Events: read in an order that nothing can come before any more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from shared.database.pool import TENANT_ROLE, Connection, Pool, create_pool, tenant_transaction
from shared.domain.identifiers import DeliveryId, TenantId, uuid7
from shared.psa.clients import CLIENT_DEFAULTS, Clients
from shared.psa.events import Event, EventCursor, Events
from shared.psa.store import Store
from tests.integration.worker.world import Ledger, until


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool of the tenant role."""
    async with await create_pool(
        database_url, role=TENANT_ROLE, application_name="events-tests", size=5
    ) as opened:
        yield opened


@pytest.fixture
async def tenant_id(database_url: str) -> AsyncIterator[TenantId]:
    """A tenant."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=1) as superuser:
        ledger = Ledger(superuser)
        await ledger.insert_tenant("acme")
        await Ledger(superuser, tenant_id=TenantId(UUID(int=1))).insert_tenant("other")
        yield ledger.tenant_id


async def _change(connection: Connection, tenant_id: TenantId, name: str) -> None:
    """Insert a client, which leaves an event with its name."""
    store = Store(connection, tenant_id, DeliveryId(uuid7()))
    values = {**CLIENT_DEFAULTS, "name": name, "properties": {}}
    await Clients(store).insert(uuid7(), values)


async def _commit(pool: Pool, tenant_id: TenantId, *names: str) -> None:
    async with tenant_transaction(pool, tenant_id) as connection:
        for name in names:
            await _change(connection, tenant_id, name)


async def _read(
    pool: Pool, tenant_id: TenantId, cursor: EventCursor | None = None, *, limit: int = 100
) -> list[Event]:
    async with tenant_transaction(pool, tenant_id) as connection:
        return await Events(connection).list_after(tenant_id, cursor or EventCursor(), limit=limit)


def _names(events: list[Event]) -> list[str]:
    return [event.changes["name"] for event in events]


@asynccontextmanager
async def _open_change(pool: Pool, tenant_id: TenantId, name: str) -> AsyncIterator[None]:
    """Keep a transaction open that has left an event; commit it at the end."""
    async with tenant_transaction(pool, tenant_id) as connection:
        await _change(connection, tenant_id, name)
        yield


async def _until_names(pool: Pool, tenant_id: TenantId, expected: list[str]) -> None:
    """Wait for what may be held back by some other transaction of the server."""

    async def is_so() -> bool:
        return _names(await _read(pool, tenant_id)) == expected

    await until(is_so)


async def test_pages_follow_each_other(pool: Pool, tenant_id: TenantId) -> None:
    """Every event comes once, whole, in order, however small the pages are."""
    await _commit(pool, tenant_id, "a", "b", "c")
    await _commit(pool, tenant_id, "d")
    await _until_names(pool, tenant_id, ["a", "b", "c", "d"])
    cursor, names = EventCursor(), []
    while page := await _read(pool, tenant_id, cursor, limit=1):
        names += _names(page)
        cursor = page[-1].cursor
    assert names == ["a", "b", "c", "d"]
    (event,) = await _read(pool, tenant_id, limit=1)
    assert (event.entity_type, event.event_name) == ("client", "client.created")
    assert event.changes["client_type"] == "company"
    assert event.changes["properties"] is True
    assert event.delivery_id is not None


async def test_event_that_commits_late_is_not_skipped(pool: Pool, tenant_id: TenantId) -> None:
    """While an older transaction is open the reader waits, and then has its event first."""
    await _commit(pool, tenant_id, "before")
    await _until_names(pool, tenant_id, ["before"])
    (seen,) = await _read(pool, tenant_id)
    async with _open_change(pool, tenant_id, "early, committed late"):
        await _commit(pool, tenant_id, "late, committed early")
        assert await _read(pool, tenant_id, seen.cursor) == []
    await _until_names(
        pool, tenant_id, ["before", "early, committed late", "late, committed early"]
    )
    assert len(await _read(pool, tenant_id, seen.cursor)) == 2


async def test_event_of_a_failed_change_is_not_there(pool: Pool, tenant_id: TenantId) -> None:
    """Event and change are one transaction."""
    with pytest.raises(RuntimeError, match="fails"):
        async with _open_change(pool, tenant_id, "a"):
            raise RuntimeError("fails")
    await _commit(pool, tenant_id, "b")
    await _until_names(pool, tenant_id, ["b"])


async def test_events_are_a_tenants_own(pool: Pool, tenant_id: TenantId) -> None:
    """Another tenant reads none of them, not even by this tenant's id."""
    await _commit(pool, tenant_id, "a")
    await _until_names(pool, tenant_id, ["a"])
    other = TenantId(UUID(int=1))
    assert await _read(pool, other) == []
    async with tenant_transaction(pool, other) as connection:
        assert await Events(connection).list_after(tenant_id, EventCursor(), limit=10) == []


@pytest.mark.parametrize(
    "statement", ["update psa.events set event_name = 'x'", "delete from psa.events"]
)
async def test_events_are_not_rewritten(pool: Pool, tenant_id: TenantId, statement: str) -> None:
    """No action can change or remove what happened."""
    await _commit(pool, tenant_id, "a")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tenant_transaction(pool, tenant_id) as connection:
            await connection.execute(statement)
