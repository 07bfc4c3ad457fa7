"""Asks the ledger for rate-limit tokens on behalf of one gateway process."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from gateway.ledger_connection import LedgerConnection
from gateway.rate_limit import Bucket, chunk_of
from gateway.settings import GatewaySettings
from shared.database.pool import DirectConnection
from shared.ledger.rate_limits import Grant, Question, RateLimits

#: The share of the deadline after which a lease is given up; requests go by their own deadline.
_DEADLINE_SHARE = 0.8


class TokenLeases:
    """Leases tokens; questions that come while one is under way share the next statement.

    After a pause the leases of many webhooks have run out together: asked for one by one, each
    with a commit of its own, the last would wait for all the others.
    """

    def __init__(
        self, ledger: LedgerConnection, gateway_id: UUID, settings: GatewaySettings
    ) -> None:
        self._ledger = ledger
        self._gateway_id = gateway_id
        self._lease_seconds = settings.lease_seconds
        self._timeout_seconds = settings.deadline_seconds * _DEADLINE_SHARE
        self._waiting: dict[Question, asyncio.Future[Grant | Exception]] = {}
        self._turn = asyncio.Lock()

    async def lease(self, bucket: Bucket, held: int, returned: int) -> Grant:
        """Lease tokens of one webhook; at most one question for each webhook at a time.

        Raises:
            DatabaseUnavailable: The ledger did not answer.
        """
        question = Question(
            bucket.tenant_id,
            bucket.webhook_id,
            bucket.per_minute,
            held,
            returned,
            max(chunk_of(bucket.per_minute) - held, 0),
        )
        answer: asyncio.Future[Grant | Exception] = asyncio.get_running_loop().create_future()
        self._waiting[question] = answer
        async with self._turn:
            if not answer.done():
                await self._ask()
        grant = answer.result()
        if isinstance(grant, Exception):
            raise grant
        return grant

    async def _ask(self) -> None:
        """Ask everything that is waiting; whoever waits for its turn finds its answer there."""
        waiting, self._waiting = self._waiting, {}
        questions = sorted(waiting)

        async def operation(connection: DirectConnection) -> list[Grant]:
            return await RateLimits(connection).lease(
                questions, gateway_id=self._gateway_id, lease_seconds=self._lease_seconds
            )

        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        answers: Sequence[Grant | Exception]
        try:
            answers = await self._ledger.run(operation, deadline=deadline)
        except Exception as error:  # noqa: BLE001 - handed to each that asked
            answers = [error] * len(questions)
        for question, answer in zip(questions, answers, strict=True):
            waiting[question].set_result(answer)
