"""What shares transactions ends as it would alone: generated crowds, handled both ways."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import count
from random import Random

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.database.pool import TENANT_ROLE, Pool, create_pool
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import WebhookId, uuid7
from shared.domain.retry import RetryPolicy
from shared.expressions.sandbox import Sandbox
from tests.integration.worker import effects
from tests.integration.worker.world import Ledger, build_processor
from worker import metrics
from worker.actions.registry import Registry
from worker.attempt import GroupLimits

_POLICY = RetryPolicy(max_attempts=3, first_delay_seconds=60.0)
_ALONE = GroupLimits(members=1, groups=1, apart=4)
_TOGETHER = GroupLimits(members=5, groups=2, apart=4)
#: More than any crowd needs: each round ends an attempt at what is first in each line.
_MOST_ROUNDS = 60
_STATES = """
select d.delivery_id, d.dispatch_status, d.retry_count, d.handler_outcome ->> 'code' as code,
       (select count(*) from postern.delivery_attempts a where a.delivery_id = d.delivery_id),
       (select count(*) from public.effects e where e.delivery_id = d.delivery_id)
from postern.deliveries d where d.tenant_id = $1
"""
_EFFECTS = """
select e.delivery_id from public.effects e join postern.deliveries d using (delivery_id)
where d.tenant_id = $1 order by e.number
"""
_LEFT = """
select (select count(*) from postern.outbox where tenant_id = $1)
     + (select count(*) from postern.ordered_deliveries where tenant_id = $1)
"""


@dataclass(frozen=True)
class Event:
    """What one sender sends, and how it will end."""

    #: Events of the reliable one always end well.
    is_reliable: bool
    line: str | None
    ending: str
    failures: int
    #: How often the queue brings it.
    copies: int


_events = st.builds(
    Event,
    is_reliable=st.booleans(),
    line=st.sampled_from([None, None, "a", "a", "b"]),
    ending=st.sampled_from(["done", "done", "done", "reject", "retry", "raise"]),
    failures=st.sampled_from([0, 0, 0, 1]),
    copies=st.sampled_from([1, 1, 2]),
)


@dataclass(frozen=True)
class End:
    """How a crowd ended."""

    #: Of each event its status, retries, fault, kept attempts and effects, in order of acceptance.
    states: Sequence[tuple[object, ...]]
    #: Of each line the events with an effect, in the order of their commits.
    lines: dict[str, list[int]]


class World:
    """A database in which crowds are handled, each in a tenant of its own."""

    def __init__(self, pool: Pool, tenant_pool: Pool, sandbox: Sandbox) -> None:
        self._pool = pool
        self._tenant_pool = tenant_pool
        self._sandbox = sandbox
        self._registry = Registry()
        self._registry.add_module(effects)
        self._numbers = count()

    async def end_of(self, crowd: Sequence[Event], order: Sequence[int], *, alone: bool) -> End:
        """Handle a crowd, arriving in some order, until nothing is left of it."""
        ledger = Ledger(self._pool)
        await ledger.insert_tenant(f"tenant-{next(self._numbers)}")
        queued = await self._record(ledger, crowd)
        processor = build_processor(
            self._tenant_pool,
            self._sandbox,
            self._registry,
            policy=_POLICY,
            groups=_ALONE if alone else _TOGETHER,
        )
        arriving = [queued[place] for place in order]
        for _ in range(_MOST_ROUNDS):
            if alone:
                for one in arriving:
                    await processor.process(one)
            else:
                await asyncio.gather(*map(processor.process, arriving))
            arriving = await self._due(ledger, queued)
            if not arriving:
                break
        assert await self._pool.fetchval(_LEFT, ledger.tenant_id) == 0
        return await self._read(ledger, crowd, queued)

    async def _record(self, ledger: Ledger, crowd: Sequence[Event]) -> list[QueuedDelivery]:
        senders = {False: ledger, True: replace(ledger, webhook_id=WebhookId(uuid7()))}
        for is_reliable, sender in senders.items():
            await sender.insert_webhook(
                field_mapping=effects.MAPPING,
                action="recordEffect",
                slug="reliable" if is_reliable else "unreliable",
            )
        return [
            await senders[event.is_reliable].record(
                {"ending": "done"}
                if event.is_reliable
                else {"ending": event.ending, "failures": event.failures},
                ordering_key=event.line,
                is_published=True,
            )
            for event in crowd
        ]

    async def _due(self, ledger: Ledger, queued: Sequence[QueuedDelivery]) -> list[QueuedDelivery]:
        """Take everything out of the outbox, whenever it is due."""
        rows = await self._pool.fetch(
            "delete from postern.outbox where tenant_id = $1 returning delivery_id, attempt",
            ledger.tenant_id,
        )
        attempts = {row["delivery_id"]: row["attempt"] for row in rows}
        return [
            replace(one, attempt=attempts[one.delivery_id])
            for one in queued
            if one.delivery_id in attempts
        ]

    async def _read(
        self, ledger: Ledger, crowd: Sequence[Event], queued: Sequence[QueuedDelivery]
    ) -> End:
        states = {
            delivery_id: tuple(state)
            for delivery_id, *state in await self._pool.fetch(_STATES, ledger.tenant_id)
        }
        places = {one.delivery_id: place for place, one in enumerate(queued)}
        lines: dict[str, list[int]] = {}
        for (delivery_id,) in await self._pool.fetch(_EFFECTS, ledger.tenant_id):
            place = places[delivery_id]
            line = crowd[place].line
            if line is not None:
                lines.setdefault(line, []).append(place)
        return End([states[one.delivery_id] for one in queued], lines)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop that is run for one crowd after the other."""
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture
def world(runner: asyncio.Runner, database_url: str) -> Iterator[World]:
    """A world with an empty ledger."""
    stack = AsyncExitStack()

    async def opened() -> World:
        pool = await stack.enter_async_context(asyncpg.create_pool(database_url, min_size=0))
        await pool.execute(effects.CREATE_TABLE)
        tenant_pool = await stack.enter_async_context(
            await create_pool(
                database_url, role=TENANT_ROLE, application_name="crowd-tests", size=50
            )
        )
        return World(pool, tenant_pool, await stack.enter_async_context(Sandbox(size=1)))

    yield runner.run(opened())
    runner.run(stack.aclose())


def test_a_crowd_ends_as_its_members_would_alone(runner: asyncio.Runner, world: World) -> None:
    """Failures in groups and lines, copies and any order of arrival change no end of an event.

    And the effects of a line are in the order of acceptance.
    """
    chosen = settings.default
    assert chosen is not None
    shared = metrics.GROUP_MEMBERS._value.get()

    @settings(
        max_examples=max(chosen.max_examples // 4, 1),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(crowd=st.lists(_events, min_size=2, max_size=14), random=st.randoms())
    def ends_alike(crowd: list[Event], random: Random) -> None:
        order = [place for place, event in enumerate(crowd) for _ in range(event.copies)]
        random.shuffle(order)
        alone = runner.run(world.end_of(crowd, order, alone=True))
        together = runner.run(world.end_of(crowd, order, alone=False))
        assert together == alone
        assert all(line == sorted(line) for line in together.lines.values())

    ends_alike()
    assert metrics.GROUP_MEMBERS._value.get() > shared
