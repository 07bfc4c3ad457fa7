"""Deliveries one attempt at a time: claim, effect, outcome and state in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from shared.clock import Clock
from shared.database.pool import Pool, tenant_transaction
from shared.domain.delivery import QueuedDelivery
from shared.domain.webhook import DirectAction, Webhook, WorkflowStart
from shared.errors import DatabaseUnavailable
from shared.ledger.attempts import Attempts
from shared.ledger.order import OrderedDelivery, Turn
from worker import metrics
from worker.attempt import Attempt, AttemptRules
from worker.bounded_run import unexpected_error
from worker.breaker import BreakerGate
from worker.claimed_run import (
    BreakerOpenError,
    ClaimedRun,
    ConfigurationChangedError,
    Prepared,
    RolledBackError,
)
from worker.handlers.direct_action import DirectActionHandler, PreparedAction
from worker.handlers.workflow import WorkflowHandler
from worker.outcome import Done, Outcome, Reject, Retry
from worker.settlement import Settlement
from worker.turns import Turns
from worker.webhooks import WebhookCache

#: How often an attempt begins again because something changed under it.
_MAX_RELOADS = 5
#: Deliveries of one key that are handled in a row before others have their turn.
_LONGEST_CHAIN = 100


@dataclass(frozen=True, slots=True)
class _Held:
    """The delivery waits, without an attempt, for its webhook's circuit breaker to close."""


class Processor:
    """Processes deliveries; safe to call for many at once, and again for the same."""

    def __init__(
        self,
        *,
        pool: Pool,
        webhooks: WebhookCache,
        direct_actions: DirectActionHandler,
        workflows: WorkflowHandler,
        rules: AttemptRules,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._webhooks = webhooks
        self._direct_actions = direct_actions
        self._workflows = workflows
        self._rules = rules
        self._clock = clock
        self._settlement = Settlement(pool, rules, clock)
        self._breaker = BreakerGate(pool)
        self._turns = Turns(pool, longest_line=rules.groups.members)
        self._claimed = ClaimedRun(pool, rules, clock, self._breaker)

    async def process(self, delivery: QueuedDelivery) -> None:
        """Make one attempt and record what became of it.

        When this returns, the delivery is finished, failed, waiting in the outbox for its next
        attempt, parked until its turn comes, or was none of this copy's business. After one that
        had its turn, those of its key that were waiting for it follow at once.

        Raises:
            DatabaseUnavailable: Nothing is known; the delivery has to come again.
        """
        if not await self._may_run(delivery):
            return
        await self._process(delivery)
        if delivery.ordering_key is not None:
            await self._process_line(delivery, delivery.ordering_key)

    async def _process_line(self, delivery: QueuedDelivery, key: str) -> None:
        """Process those that follow a delivery: several at a time, or the first of them alone."""
        handled = 1
        while handled < _LONGEST_CHAIN:
            line = await self._turns.claim_line(delivery.tenant_id, key)
            line = line[: _LONGEST_CHAIN - handled]  # those behind the first are not leased
            if not line:
                return
            together = await self._process_in_order(line)
            if not together:
                # What is claimed has to be handled here: for others it is away for a while.
                await self._process(line[0])
            handled += together or 1

    async def _process_in_order(self, line: Sequence[QueuedDelivery]) -> int:
        """Process the first of a line in one transaction; return how many, or 0 if none were."""
        shared: list[tuple[Attempt, PreparedAction]] = []
        for delivery in line:
            attempt = Attempt(delivery, self._clock.monotonic())
            prepared = await self._prepare_to_share(attempt)
            if prepared is None:
                break
            shared.append((attempt, prepared))
        if len(shared) < 2 or not await self._claimed.run_in_order(shared):
            return 0
        for attempt, _ in shared:
            self._count_dispatched(attempt)
        return len(shared)

    async def _prepare_to_share(self, attempt: Attempt) -> PreparedAction | None:
        """Return a delivery's action, None where it cannot share a transaction with others."""
        delivery = attempt.delivery
        webhook = await self._webhooks.find(delivery.tenant_id, delivery.webhook_id)
        if webhook is None or delivery.body is None:
            return None
        attempt.webhook = webhook
        try:
            prepared = await self._prepare(webhook, delivery, delivery.body)
        except Exception:  # noqa: BLE001 - alone, it becomes a recorded retry
            return None
        return prepared if isinstance(prepared, PreparedAction) else None

    async def _may_run(self, delivery: QueuedDelivery) -> bool:
        key = delivery.ordering_key
        if key is None:
            return True
        match await self._turns.take(
            delivery.tenant_id, OrderedDelivery(key, delivery.delivery_id)
        ):
            case Turn.NOW:
                return True
            case Turn.LATER:
                metrics.DELIVERIES.labels("parked").inc()
            case Turn.PAST:
                metrics.DELIVERIES.labels("stale").inc()
        return False

    async def _process(self, delivery: QueuedDelivery) -> None:
        attempt = Attempt(delivery, self._clock.monotonic())
        try:
            outcome = await self._attempt(attempt)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the border: becomes a recorded retry
            outcome = unexpected_error(delivery, error)
        match outcome:
            case None:
                self._count(attempt, "stale")
            case _Held():
                self._count(attempt, "held")
            case Done():
                self._count_dispatched(attempt)
            case Retry() | Reject():
                await self._settlement.settle(attempt, outcome)
            case _:
                assert_never(outcome)

    async def _attempt(self, attempt: Attempt) -> Outcome | _Held | None:
        """Return the outcome, with its effect committed where it is ``Done``; None if stale."""
        delivery = attempt.delivery
        body = delivery.body if delivery.body is not None else await self._find_body(delivery)
        for _ in range(_MAX_RELOADS):
            webhook = await self._webhooks.find(delivery.tenant_id, delivery.webhook_id)
            if webhook is None:
                return Reject("the webhook has been deleted", "webhook_gone")
            attempt.webhook = webhook
            prepared = await self._prepare(webhook, delivery, body)
            try:
                return await self._claimed.run(attempt, webhook, prepared)
            except RolledBackError as rolled_back:
                return rolled_back.outcome
            except ConfigurationChangedError:
                metrics.CONFIGURATION_RELOADS.inc()
                self._webhooks.forget(webhook)
            except BreakerOpenError:
                attempt.is_probe = await self._breaker.take_probe(delivery)
                if not attempt.is_probe and await self._breaker.hold(delivery):
                    return _Held()
        return Retry("the configuration changed during every attempt", "configuration_changing")

    async def _prepare(self, webhook: Webhook, delivery: QueuedDelivery, body: bytes) -> Prepared:
        match webhook.handler:
            case DirectAction() as config:
                return await self._direct_actions.prepare(
                    webhook, config, delivery=delivery, body=body
                )
            case WorkflowStart() as config:
                return self._workflows.prepare(webhook, config, delivery=delivery, body=body)
            case _:
                assert_never(webhook.handler)

    async def _find_body(self, delivery: QueuedDelivery) -> bytes:
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            body = await Attempts(connection).find_body(delivery.tenant_id, delivery.delivery_id)
        return body or b""

    def _count_dispatched(self, attempt: Attempt) -> None:
        self._count(attempt, "dispatched")
        metrics.ACCEPT_TO_DONE_SECONDS.observe(self._age_seconds(attempt.delivery))

    def _count(self, attempt: Attempt, outcome: str) -> None:
        attempt.count(outcome, now=self._clock.monotonic())

    def _age_seconds(self, delivery: QueuedDelivery) -> float:
        return max((self._clock.now() - delivery.received_at).total_seconds(), 0.0)
