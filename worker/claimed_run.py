"""One transaction for claim, effect, outcome and state, which only success commits."""

from collections.abc import Callable, Sequence
from functools import partial

from shared.clock import Clock
from shared.database.pool import Connection, Pool, tenant_transaction
from shared.domain.delivery import DispatchStatus, QueuedDelivery
from shared.domain.identifiers import WebhookId
from shared.domain.webhook import Webhook
from shared.ledger.attempts import (
    Attempts,
    Claim,
    Finished,
    UnexpectedDeliveryError,
    claimed_transaction,
)
from shared.ledger.circuit_breakers import CircuitBreakers
from worker.attempt import Attempt, AttemptRules
from worker.bounded_run import call_bounded, run_bounded
from worker.breaker import BreakerGate
from worker.group_run import GroupRun, Place
from worker.handlers.direct_action import PreparedAction, PreparedCall
from worker.handlers.workflow import PreparedLaunch, PreparedStart
from worker.outcome import Done, Outcome, Reject, Retry

_InTransaction = PreparedAction | PreparedStart | Reject | Retry
_Outside = PreparedCall | PreparedLaunch
Prepared = _InTransaction | _Outside


class ConfigurationChangedError(Exception):
    """The claim shows another version of the webhook than the one prepared for."""


class BreakerOpenError(Exception):
    """The claim shows that the webhook's circuit breaker is open."""


class RolledBackError(Exception):
    """Carries an outcome out of the transaction that it must not commit."""

    def __init__(self, outcome: Retry | Reject) -> None:
        self.outcome = outcome
        super().__init__(outcome.reason)


class ClaimedRun:
    """Runs prepared handlers, each in a transaction that holds its delivery's claim.

    Most deliveries are as expected, and are claimed with the BEGIN of the transaction, unseen;
    where one is not, a second transaction looks at what is the case.
    """

    def __init__(
        self, pool: Pool, rules: AttemptRules, clock: Clock, breaker: BreakerGate
    ) -> None:
        self._groups = GroupRun(pool, rules.groups, clock, self._finish_group)
        self._pool = pool
        self._rules = rules
        self._clock = clock
        self._breaker = breaker
        #: Webhooks whose last claim showed that attempts have failed since one succeeded.
        self._failing: set[WebhookId] = set()

    async def run(self, attempt: Attempt, webhook: Webhook, prepared: Prepared) -> Outcome | None:
        """Claim, run and finish; return None where another copy has moved the delivery on.

        Raises:
            RolledBackError: The handler did not do what it should: nothing was kept.
            ConfigurationChangedError: Nothing was done.
            BreakerOpenError: Nothing was done.
        """
        if isinstance(prepared, _Outside):
            return await self._run_outside(attempt, webhook, prepared)
        if webhook.webhook_id not in self._failing and not attempt.is_probe:
            try:
                if isinstance(prepared, PreparedAction):
                    return await self._groups.run(
                        attempt, prepared, partial(self._run_alone, attempt, prepared)
                    )
                return await self._run_expected(attempt, webhook, prepared)
            except UnexpectedDeliveryError:
                pass  # nothing has happened yet
        return await self._run_looked_at(attempt, webhook, prepared)

    async def run_in_order(self, line: Sequence[tuple[Attempt, PreparedAction]]) -> bool:
        """Run deliveries of one tenant in one transaction, in order; all are done, or none is.

        Raises:
            DatabaseUnavailable: Which of both is unknown.
        """
        if any(prepared.webhook.webhook_id in self._failing for _, prepared in line):
            return False
        return await self._groups.run_in_order(line)

    async def _run_alone(self, attempt: Attempt, prepared: PreparedAction, place: Place) -> Done:
        place.leave_if_slow()
        return await self._run_expected(
            attempt,
            prepared.webhook,
            prepared,
            # A commit is the disk's time: others at the same moment would only wait as well.
            before_commit=place.hold,
        )

    async def _run_expected(
        self,
        attempt: Attempt,
        webhook: Webhook,
        prepared: _InTransaction,
        *,
        before_commit: Callable[[], None] = lambda: None,
    ) -> Done:
        async with claimed_transaction(
            self._pool, attempt.delivery, webhook_version=webhook.version
        ) as connection:
            outcome = await self._run_handler(prepared, connection)
            self._finish(connection, attempt, outcome)
            before_commit()
        return outcome

    async def _run_looked_at(
        self, attempt: Attempt, webhook: Webhook, prepared: _InTransaction
    ) -> Outcome | None:
        delivery = attempt.delivery
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            claim = await self._claim_expected(connection, attempt, webhook)
            if claim is None:
                return None
            outcome = await self._run_handler(prepared, connection)
            was_open = claim.webhook_has_failed and await self._close_breaker(connection, attempt)
            self._finish(connection, attempt, outcome)
        if was_open:
            await self._breaker.release(delivery.tenant_id, delivery.webhook_id)
        return outcome

    async def _run_outside(
        self, attempt: Attempt, webhook: Webhook, prepared: _Outside
    ) -> Outcome | None:
        """Look, run without a transaction, and close in one of its own.

        Whatever changed meanwhile, the effect is there: only another copy that has settled the
        delivery keeps the outcome from being recorded.
        """
        delivery = attempt.delivery
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            if await self._claim_expected(connection, attempt, webhook) is None:
                return None
        outcome = await call_bounded(prepared, timeout_seconds=self._rules.handler_timeout_seconds)
        if not isinstance(outcome, Done):
            raise RolledBackError(outcome)
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            claim = await Attempts(connection).claim(delivery)
            if claim is None or _is_stale(claim, delivery):
                return None
            if isinstance(prepared, PreparedLaunch):
                await prepared.record(connection)
            was_open = claim.webhook_has_failed and await self._close_breaker(connection, attempt)
            self._finish(connection, attempt, outcome)
        if was_open:
            await self._breaker.release(delivery.tenant_id, delivery.webhook_id)
        return outcome

    async def _claim_expected(
        self, connection: Connection, attempt: Attempt, webhook: Webhook
    ) -> Claim | None:
        """Claim the delivery for this attempt; None where another copy has moved it on."""
        claim = await Attempts(connection).claim(attempt.delivery)
        if claim is None or _is_stale(claim, attempt.delivery):
            return None
        if claim.webhook_version != webhook.version:
            raise ConfigurationChangedError
        self._note_failing(webhook, claim)
        if claim.breaker_is_open and not attempt.is_probe:
            raise BreakerOpenError
        return claim

    def _note_failing(self, webhook: Webhook, claim: Claim) -> None:
        """Remember whose deliveries need a look, so that they are not expected in vain."""
        if claim.webhook_has_failed:
            self._failing.add(webhook.webhook_id)
        else:
            self._failing.discard(webhook.webhook_id)

    async def _close_breaker(self, connection: Connection, attempt: Attempt) -> bool:
        """Return whether this success has closed an open circuit breaker."""
        delivery = attempt.delivery
        return await CircuitBreakers(connection).close(delivery.tenant_id, delivery.webhook_id)

    async def _run_handler(self, prepared: _InTransaction, connection: Connection) -> Done:
        """Run the handler.

        Raises:
            RolledBackError: It did not do what it should.
        """
        outcome: Outcome = (
            prepared
            if isinstance(prepared, Reject | Retry)
            else await run_bounded(
                prepared, connection, timeout_seconds=self._rules.handler_timeout_seconds
            )
        )
        if not isinstance(outcome, Done):
            raise RolledBackError(outcome)
        return outcome

    def _finish(self, connection: Connection, attempt: Attempt, outcome: Done) -> None:
        Attempts(connection).finish_at_commit(
            attempt.delivery,
            outcome=attempt.outcome_text(outcome.result),
            duration_ms=self._duration_ms(attempt),
        )

    def _finish_group(self, connection: Connection, done: Sequence[tuple[Attempt, Done]]) -> None:
        Attempts(connection).finish_group_at_commit(
            done[0][0].delivery.tenant_id,
            [
                Finished(
                    attempt.delivery.delivery_id,
                    attempt.outcome_text(outcome.result),
                    self._duration_ms(attempt),
                )
                for attempt, outcome in done
            ],
        )

    def _duration_ms(self, attempt: Attempt) -> float:
        return (self._clock.monotonic() - attempt.started) * 1000


def _is_stale(claim: Claim, delivery: QueuedDelivery) -> bool:
    """Return whether another copy of the delivery has moved it on."""
    return (
        claim.dispatch_status is not DispatchStatus.PENDING
        or claim.retry_count != delivery.attempt
    )
