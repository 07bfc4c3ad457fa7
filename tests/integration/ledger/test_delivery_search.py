"""Searches of deliveries, on real PostgreSQL."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from shared.database.pool import Connection
from shared.domain.identifiers import TenantId, uuid7
from shared.ledger.delivery_search import DeliveryConditions, DeliverySearch, SearchLimits

_TENANT = TenantId(uuid7())
_INSERT = """
insert into postern.deliveries (tenant_id, delivery_id, webhook_id, received_at, request_method,
    request_path, request_headers, request_body, source_address, auth_status, dispatch_status,
    response_status)
select $1, unnest($2::uuid[]), $3, now(), 'POST', '/', '', '{}', '203.0.113.9', 'verified',
    unnest($4::text[]), 200
"""


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def _insert(owner: Connection, statuses: list[str], webhook_id: UUID | None = None) -> None:
    ids = sorted(uuid7() for _ in statuses)
    await owner.execute(_INSERT, _TENANT, ids, webhook_id, statuses)


@pytest.mark.parametrize("is_by_webhook", [True, False])
@pytest.mark.parametrize("period", [2, 10])
async def test_search_when_some_match(owner: Connection, is_by_webhook: bool, period: int) -> None:
    """It stops when it has enough, or has looked at so many, and finds all, each once."""
    webhook_id = uuid7()
    statuses = ["failed" if number % period == 0 else "dispatched" for number in range(100)]
    await _insert(owner, statuses, webhook_id)
    search = DeliverySearch(
        owner,
        _TENANT,
        webhook_id if is_by_webhook else None,
        limits=SearchLimits(rows=12, step_rows=6),
    )
    wanted = DeliveryConditions(dispatch_status="failed")
    seen: list[UUID] = []
    before, pages = None, 0
    while pages == 0 or before is not None:
        found = await search.newest(wanted, before=before, limit=5)
        seen += [delivery.delivery_id for delivery in found.deliveries]
        before = found.stopped_at
        pages += 1
    expected = await owner.fetch(
        "select delivery_id from postern.deliveries where dispatch_status = 'failed'"
        " order by delivery_id desc"
    )
    assert seen == [row["delivery_id"] for row in expected]
    assert pages > 5


async def test_search_when_its_time_is_over(owner: Connection) -> None:
    """It stops after a step and tells where."""
    await _insert(owner, ["dispatched"] * 30)
    search = DeliverySearch(owner, _TENANT, limits=SearchLimits(seconds=0))
    found = await search.newest(
        DeliveryConditions(dispatch_status="failed"), before=None, limit=10
    )
    assert found.deliveries == []
    tenth = "select delivery_id from postern.deliveries order by delivery_id desc offset 9 limit 1"
    assert found.stopped_at == await owner.fetchval(tenth)
