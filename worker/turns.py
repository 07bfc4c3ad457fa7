"""Turns of ordered deliveries, asked for together by all that ask at the same time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from shared.database.pool import Pool, tenant_transaction
from shared.domain.identifiers import TenantId
from shared.ledger.order import Order, OrderedDelivery, Turn


@dataclass(slots=True, eq=False)
class _Question:
    asked: OrderedDelivery
    is_answered: bool = False
    #: None: its key was busy.
    turn: Turn | None = None
    fault: Exception | None = None


@dataclass(slots=True, weakref_slot=True)
class _Lane:
    """The questions of one tenant."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Question] = field(default_factory=list)


class Turns:
    """Takes turns, those of a tenant in one transaction for all that came while one ran.

    In a backlog copies of ordered deliveries come by the hundred, most of them too early or too
    late: a transaction for each would cost as much as handling them.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lanes: WeakValueDictionary[TenantId, _Lane] = WeakValueDictionary()

    async def take(self, tenant_id: TenantId, asked: OrderedDelivery) -> Turn:
        """Return whether a delivery may run now, committed; what may run later is parked.

        Raises:
            DatabaseUnavailable: Nothing is known.
        """
        lane = self._lanes.setdefault(tenant_id, _Lane())
        question = _Question(asked)
        lane.waiting.append(question)
        try:
            async with lane.lock:
                if not question.is_answered:
                    await self._answer(tenant_id, lane.waiting)
        finally:
            lane.waiting.remove(question)
        if question.fault is not None:
            raise question.fault
        if question.turn is not None:
            return question.turn
        # Whoever holds the key may hang: only this delivery waits for that.
        async with tenant_transaction(self._pool, tenant_id) as connection:
            return await Order(connection).take_turn(tenant_id, asked)

    async def _answer(self, tenant_id: TenantId, waiting: Sequence[_Question]) -> None:
        """Answer all that wait; after a failure with that, so that they do not fail in turn."""
        questions = [question for question in waiting if not question.is_answered]
        try:
            async with tenant_transaction(self._pool, tenant_id) as connection:
                turns = await Order(connection).take_turns(
                    tenant_id, [question.asked for question in questions]
                )
        except Exception as error:  # noqa: BLE001 - each of them raises it
            for question in questions:
                question.fault, question.is_answered = error, True
            return
        for question, turn in zip(questions, turns, strict=True):
            question.turn, question.is_answered = turn, True
