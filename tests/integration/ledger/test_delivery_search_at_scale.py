"""Pages of a million deliveries: what they hold, and how little is read for them.

``tests/benchmark/delivery_list.py`` measures the time of the same pages, of ten million.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from uuid import UUID

import asyncpg
import pytest

from shared.clock import SystemClock
from shared.database.pool import (
    TENANT_ROLE,
    Connection,
    Pool,
    create_pool,
    tenant_transaction,
)
from shared.domain.identifiers import TenantId
from shared.ledger.delivery_search import (
    PLAN_ONCE,
    DeliveryConditions,
    DeliverySearch,
    SearchLimits,
)
from tests.benchmark.delivery_seeding import BUSY_WEBHOOKS, TENANT_ID, seed_deliveries
from tests.integration.ledger.explained import Explained, ExplainingConnection

COUNT = 1_000_000
PAGE = 26
DEEP = 999 * 25
#: Without the limit on time, which would let a slow machine find less.
LIMITS = SearchLimits(seconds=300, rows=5000)
#: For each row that is looked at: the way down an index of its partition, and the row.
BLOCKS_A_ROW = 6
#: For each statement beside that: the ways down an index of each of some 35 partitions, which are
#: merged, since the default partition may hold any row.
BLOCKS_A_STATEMENT = 150
TENANT = TenantId(TENANT_ID)
YESTERDAY = SystemClock().now() - timedelta(days=1)


@dataclass(frozen=True)
class Filter:
    """Conditions, and the same in plain SQL."""

    conditions: DeliveryConditions
    sql: str = "true"


FILTERS = {
    "none": Filter(DeliveryConditions()),
    "failed": Filter(DeliveryConditions(dispatch_status="failed"), "dispatch_status = 'failed'"),
    "refused": Filter(
        DeliveryConditions(auth_status="rejected_signature"), "auth_status = 'rejected_signature'"
    ),
    "key": Filter(DeliveryConditions(idempotency_key="e77"), "idempotency_key = 'e77'"),
    "external id": Filter(
        DeliveryConditions(external_id="d-77"), "handler_outcome ->> 'external_id' = 'd-77'"
    ),
    "event type": Filter(
        DeliveryConditions(event_type="device.updated"),
        "position('device.updated'::bytea in request_headers) > 0",
    ),
    "address": Filter(
        DeliveryConditions(source_address="203.0.113.7"), "source_address = '203.0.113.7'"
    ),
    "network": Filter(
        DeliveryConditions(source_address="203.0.113.0/28"),
        "source_address::inet <<= '203.0.113.0/28'",
    ),
    "outcome": Filter(
        DeliveryConditions(outcome="lookup_miss"), "handler_outcome ->> 'code' = 'lookup_miss'"
    ),
    "tests": Filter(DeliveryConditions(is_test=True), "is_test"),
    "no replays": Filter(DeliveryConditions(is_replay=False), "not is_replay"),
    "text": Filter(
        DeliveryConditions(text="FRONT-desk-97"),
        "position('front-desk-97'::bytea in request_body) > 0",
    ),
    "time": Filter(
        DeliveryConditions(
            received_from=YESTERDAY - timedelta(days=9), received_to=YESTERDAY - timedelta(days=8)
        ),
        "received_at >= $5::timestamptz - interval '9 days'"
        " and received_at < $5::timestamptz - interval '8 days'",
    ),
}


@dataclass(frozen=True)
class Place:
    """A webhook or all, and the delivery after which the page is."""

    webhook_id: UUID | None = None
    before: UUID | None = None


@dataclass
class World:
    """The database, and the places in it."""

    pool: Pool
    owner: asyncpg.Connection
    places: dict[str, Place] = field(default_factory=dict)


def webhook(number: int) -> UUID:
    return UUID(f"00000000-0000-7000-9000-{number:012x}")


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> str:
    asyncio.run(seed_deliveries(module_database_url, count=COUNT, webhook_count=10_000))
    return module_database_url


@pytest.fixture
async def world(filled: str) -> AsyncIterator[World]:
    owner = await asyncpg.connect(filled)
    async with await create_pool(
        filled, role=TENANT_ROLE, application_name="scale-tests", size=1
    ) as pool:
        yield World(pool, owner, await places(owner))
    await owner.close()


async def places(owner: asyncpg.Connection) -> dict[str, Place]:
    busy = await owner.fetchval(
        "select webhook_id from postern.deliveries where webhook_id = any($1)"
        " group by webhook_id order by count(*) desc limit 1",
        [webhook(number) for number in range(BUSY_WEBHOOKS)],
    )
    deep = "select delivery_id from postern.deliveries where {} order by 1 desc offset $1 limit 1"
    return {
        "all webhooks, first page": Place(),
        "all webhooks, page 1,000": Place(before=await owner.fetchval(deep.format("true"), DEEP)),
        "a busy webhook, first page": Place(busy),
        "a busy webhook, page 1,000": Place(
            busy, await owner.fetchval(deep.format("webhook_id = $2"), DEEP, busy)
        ),
        "one of many webhooks": Place(webhook(BUSY_WEBHOOKS + 77)),
        "a webhook without deliveries": Place(webhook(10_001)),
    }


def searching(explaining: ExplainingConnection, webhook_id: UUID | None) -> DeliverySearch:
    """Return a search, of which no more than fetching is asked."""
    return DeliverySearch(cast("Connection", explaining), TENANT, webhook_id, limits=LIMITS)


async def expected(world: World, place: Place, wanted: Filter, lowest: UUID) -> list[UUID]:
    """Return the page by plain SQL, of what is not older than ``lowest``."""
    rows = await world.owner.fetch(
        "select delivery_id from postern.deliveries"
        " where ($1::uuid is null or webhook_id = $1) and ($2::uuid is null or delivery_id < $2)"
        f" and delivery_id >= $3 and $5::timestamptz is not null and {wanted.sql}"
        " order by delivery_id desc limit $4",
        *(place.webhook_id, place.before, lowest, PAGE, YESTERDAY),
    )
    return [row[0] for row in rows]


def check_reading(title: str, explained: list[Explained]) -> None:
    """Check that statements went along keys, and touched little beside the rows looked at."""
    for one in explained:
        assert one.wholly_read == [], (title, one.query)
        assert one.sorted_rows <= LIMITS.step_rows, (title, one.query)
    # Each second statement looks at the rows whose ids the one before has found.
    looked_at = sum(int(one.plan["Actual Rows"]) for one in explained[::2])
    blocks = sum(one.blocks for one in explained)
    assert looked_at < LIMITS.rows + LIMITS.step_rows, title
    assert blocks <= looked_at * BLOCKS_A_ROW + len(explained) * BLOCKS_A_STATEMENT, title


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FILTERS)
async def test_page_when_of_a_million(world: World, name: str) -> None:
    """Every page holds what plain SQL finds, and little more than its rows is read for it."""
    wanted = FILTERS[name]
    async with tenant_transaction(world.pool, TENANT_ID, first=PLAN_ONCE) as connection:
        explaining = ExplainingConnection(connection)
        for title, place in world.places.items():
            explaining.explained.clear()
            search = searching(explaining, place.webhook_id)
            found = await search.newest(wanted.conditions, before=place.before, limit=PAGE)
            ids = [one.delivery_id for one in found.deliveries]
            lowest = found.stopped_at or UUID(int=0)
            assert ids == await expected(world, place, wanted, lowest), title
            check_reading(title, explaining.explained)


@pytest.mark.timeout(600)
async def test_reading_when_an_index_is_missing(world: World) -> None:
    """That every delivery of the tenant is gone through for one webhook is noticed."""
    transaction = world.owner.transaction()
    await transaction.start()
    await world.owner.execute("drop index postern.deliveries_webhook")
    explaining = ExplainingConnection(world.owner)
    search = searching(explaining, webhook(10_001))
    await search.newest(DeliveryConditions(), before=None, limit=PAGE)
    await transaction.rollback()
    with pytest.raises(AssertionError):
        check_reading("without its index", explaining.explained)
