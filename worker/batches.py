"""Questions to the ledger that are asked together by all that ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast
from weakref import WeakValueDictionary

from shared.database.pool import Connection, Pool, tenant_transaction
from shared.domain.identifiers import TenantId

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


@dataclass(slots=True, eq=False)
class _Question(Generic[_Asked, _Answer]):
    asked: _Asked
    is_answered: bool = False
    answer: _Answer | None = None
    fault: Exception | None = None


@dataclass(slots=True, weakref_slot=True)
class _Lane(Generic[_Asked, _Answer]):
    """The questions of one tenant."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Question[_Asked, _Answer]] = field(default_factory=list)


class Batches(Generic[_Asked, _Answer]):
    """Asks, for a tenant, in one transaction all that came while one before it ran.

    In a backlog such questions come by the hundred: a transaction for each would cost as much as
    handling the deliveries, and a connection for each more than all else.
    """

    def __init__(
        self,
        pool: Pool,
        ask: Callable[[Connection, TenantId, Sequence[_Asked]], Awaitable[Sequence[_Answer]]],
    ) -> None:
        """``ask`` returns the answers in the order of the questions."""
        self._pool = pool
        self._ask = ask
        self._lanes: WeakValueDictionary[TenantId, _Lane[_Asked, _Answer]] = WeakValueDictionary()

    async def ask(self, tenant_id: TenantId, asked: _Asked) -> _Answer:
        """Return the answer, committed.

        Raises:
            DatabaseUnavailable: Nothing is known.
        """
        lane = self._lanes.setdefault(tenant_id, _Lane())
        question: _Question[_Asked, _Answer] = _Question(asked)
        lane.waiting.append(question)
        try:
            async with lane.lock:
                if not question.is_answered:
                    await self._answer(tenant_id, lane.waiting)
        finally:
            lane.waiting.remove(question)
        if question.fault is not None:
            raise question.fault
        return cast("_Answer", question.answer)

    async def _answer(
        self, tenant_id: TenantId, waiting: Sequence[_Question[_Asked, _Answer]]
    ) -> None:
        """Answer all that wait; after a failure with that, so that they do not fail in turn."""
        questions = [question for question in waiting if not question.is_answered]
        try:
            async with tenant_transaction(self._pool, tenant_id) as connection:
                answers = await self._ask(
                    connection, tenant_id, [question.asked for question in questions]
                )
        except Exception as error:  # noqa: BLE001 - each of them raises it
            for question in questions:
                question.fault, question.is_answered = error, True
            return
        for question, answer in zip(questions, answers, strict=True):
            question.answer, question.is_answered = answer, True
