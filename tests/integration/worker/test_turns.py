"""Turns and lines that are asked for together, on the real ledger."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.database.pool import Pool, tenant_transaction
from shared.domain.delivery import QueuedDelivery
from shared.errors import DatabaseUnavailable
from shared.ledger.order import Order, OrderedDelivery, Turn
from tests.integration.worker.world import Ledger
from worker.turns import Turns


def _asked(queued: QueuedDelivery) -> OrderedDelivery:
    assert queued.ordering_key is not None
    return OrderedDelivery(queued.ordering_key, queued.delivery_id)


async def _take_all(turns: Turns, line: Sequence[QueuedDelivery]) -> list[Turn]:
    return await asyncio.gather(*(turns.take(one.tenant_id, _asked(one)) for one in line))


async def _commits(ledger: Ledger) -> int:
    """Count the transactions that parked or took a turn."""
    found: int = await ledger.pool.fetchval(
        "select count(distinct xmin::text) from postern.ordered_deliveries"
    )
    return found


@pytest.fixture
def turns(tenant_pool: Pool) -> Turns:
    return Turns(tenant_pool, longest_line=3)


async def test_many_ask_in_few_transactions(effects_ledger: Ledger, turns: Turns) -> None:
    """Those that come while one asks share the next transaction, and each has its own answer."""
    line = [
        await effects_ledger.record({"ending": "done"}, ordering_key=f"key-{number % 3}")
        for number in range(20)
    ]
    assert await _take_all(turns, line) == [Turn.NOW] * 3 + [Turn.LATER] * 17
    assert await _commits(effects_ledger) == 2
    parked = await effects_ledger.pool.fetch(
        "select delivery_id from postern.ordered_deliveries where is_parked order by position"
    )
    assert [row["delivery_id"] for row in parked] == [one.delivery_id for one in line[3:]]


async def test_what_is_closed_has_no_turn(effects_ledger: Ledger, turns: Turns) -> None:
    """A late copy is told so beside one whose turn it is."""
    closed = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    waiting = await effects_ledger.record({"ending": "done"}, ordering_key="a")
    await effects_ledger.pool.execute(
        "update postern.deliveries set dispatch_status = 'dispatched' where delivery_id = $1",
        closed.delivery_id,
    )
    assert await _take_all(turns, [closed, waiting, closed]) == [Turn.PAST, Turn.NOW, Turn.PAST]


async def test_a_key_that_is_held_holds_up_nobody_else(
    effects_ledger: Ledger, tenant_pool: Pool, turns: Turns
) -> None:
    """Who holds a key may hang, such as a stopped worker; other keys go on meanwhile."""
    held = await effects_ledger.record({"ending": "done"}, ordering_key="held")
    free = await effects_ledger.record({"ending": "done"}, ordering_key="free")
    async with asyncio.TaskGroup() as group:
        async with tenant_transaction(tenant_pool, held.tenant_id) as connection:
            await Order(connection).take_turn(held.tenant_id, _asked(held))
            waits = group.create_task(turns.take(held.tenant_id, _asked(held)))
            others = [
                group.create_task(turns.take(free.tenant_id, _asked(free))) for _ in range(5)
            ]
            answers = await asyncio.wait_for(asyncio.gather(*others), 5)
            assert answers == [Turn.NOW] * 5
            assert not waits.done()
        assert await asyncio.wait_for(waits, 5) is Turn.NOW


async def test_one_that_is_given_up_leaves_the_others(
    effects_ledger: Ledger, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks for all may be cancelled: those that wait ask again."""
    take_turns = Order.take_turns
    is_asked = asyncio.Event()

    async def slow(self: Order, *asked: Any) -> list[Turn | None]:
        is_asked.set()
        await asyncio.sleep(0.05)
        return await take_turns(self, *asked)

    monkeypatch.setattr(Order, "take_turns", slow)
    line = [
        await effects_ledger.record({"ending": "done"}, ordering_key=f"key-{number}")
        for number in range(3)
    ]
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(turns.take(one.tenant_id, _asked(one))) for one in line]
        await is_asked.wait()
        asking[0].cancel()
    assert asking[0].cancelled()
    assert [task.result() for task in asking[1:]] == [Turn.NOW, Turn.NOW]


async def test_all_that_asked_learn_of_a_failure_at_once(
    effects_ledger: Ledger, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the database once, not once for each before it."""
    count = 0

    async def away(*_: object) -> list[Turn | None]:
        nonlocal count
        count += 1
        await asyncio.sleep(0.01)
        raise DatabaseUnavailable("PostgreSQL is away")

    monkeypatch.setattr(Order, "take_turns", away)
    line = [await effects_ledger.record({"ending": "done"}, ordering_key="a") for _ in range(10)]
    answers = await asyncio.gather(
        *(turns.take(one.tenant_id, _asked(one)) for one in line), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 10
    assert count == 2


async def _lines(ledger: Ledger, turns: Turns, *, keys: int) -> list[list[QueuedDelivery]]:
    """Record three deliveries of each key, and close the first; return those that wait."""
    waiting = []
    for number in range(keys):
        line = [
            await ledger.record({"ending": "done"}, ordering_key=f"key-{number}") for _ in range(3)
        ]
        assert await _take_all(turns, line) == [Turn.NOW, Turn.LATER, Turn.LATER]
        await ledger.pool.execute(
            "update postern.deliveries set dispatch_status = 'dispatched' where delivery_id = $1",
            line[0].delivery_id,
        )
        waiting.append(line[1:])
    return waiting


async def _claim_all(turns: Turns, lines: Sequence[Sequence[QueuedDelivery]]) -> list[list[UUID]]:
    asked = (turns.claim_line(line[0].tenant_id, _asked(line[0]).ordering_key) for line in lines)
    claimed = await asyncio.gather(*asked)
    return [[one.delivery_id for one in line] for line in claimed]


def _ids(line: Sequence[QueuedDelivery]) -> list[UUID]:
    return [one.delivery_id for one in line]


async def test_lines_are_claimed_in_few_transactions(effects_ledger: Ledger, turns: Turns) -> None:
    """Who asks gets the line of its key, in order; nobody gets it again."""
    lines = await _lines(effects_ledger, turns, keys=12)
    assert await _claim_all(turns, lines) == [_ids(line) for line in lines]
    heads = [line[0].delivery_id for line in lines]
    commits = await effects_ledger.pool.fetchval(
        "select count(distinct xmin::text) from postern.outbox where delivery_id = any($1)", heads
    )
    assert commits == 2
    assert await _claim_all(turns, lines) == [[]] * 12


async def test_of_several_that_ask_for_a_line_one_gets_it(
    effects_ledger: Ledger, turns: Turns
) -> None:
    """Also where they ask in the same transaction."""
    (line,) = await _lines(effects_ledger, turns, keys=1)
    claimed = await _claim_all(turns, [line] * 5)
    assert sorted(claimed) == [[], [], [], [], _ids(line)]


async def test_a_line_that_somebody_is_taking_is_left_to_them(
    effects_ledger: Ledger, turns: Turns
) -> None:
    """It holds up nobody, however long that takes."""
    held, free = await _lines(effects_ledger, turns, keys=2)
    async with effects_ledger.pool.acquire() as other, other.transaction():
        await other.execute(
            "select from postern.outbox where delivery_id = $1 for update", held[0].delivery_id
        )
        async with asyncio.timeout(5):
            assert await _claim_all(turns, [held, free]) == [[], _ids(free)]
    assert await _claim_all(turns, [held]) == [_ids(held)]
