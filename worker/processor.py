"""One attempt at one delivery: claim, effect, outcome and state in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from shared.clock import Clock
from shared.database.pool import Pool, tenant_transaction
from shared.domain.delivery import DispatchStatus, QueuedDelivery
from shared.domain.retry import RetryPolicy
from shared.domain.webhook import DirectAction, Handler, Webhook, WorkflowStart
from shared.errors import DatabaseUnavailable
from shared.ledger.attempts import Attempts, Claim
from worker import metrics
from worker.bounded_run import run_bounded, unexpected_error
from worker.dispatch import Fail, TryAgain, decide
from worker.handlers.direct_action import DirectActionHandler, PreparedAction
from worker.outcome import Done, Outcome, Reject, Retry
from worker.outcome_document import encode_outcome
from worker.webhooks import WebhookCache

#: How often an attempt begins again because the configuration changed under it.
_MAX_RELOADS = 5


class _ConfigurationChangedError(Exception):
    """The claim shows another version of the webhook than the one prepared for."""


class _RolledBackError(Exception):
    """Carries an outcome out of the transaction that it must not commit."""

    def __init__(self, outcome: Retry | Reject) -> None:
        self.outcome = outcome
        super().__init__(outcome.reason)


@dataclass(slots=True)
class _Attempt:
    """What is known of the attempt so far."""

    delivery: QueuedDelivery
    started: float
    handler: Handler | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRules:
    """How long an attempt may take, and how often and far apart attempts are."""

    handler_timeout_seconds: float
    policy: RetryPolicy
    #: Returns a float in [0, 1); spreads retries.
    random: Callable[[], float]


class Processor:
    """Processes deliveries; safe to call for many at once, and again for the same."""

    def __init__(
        self,
        *,
        pool: Pool,
        webhooks: WebhookCache,
        direct_actions: DirectActionHandler,
        rules: AttemptRules,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._webhooks = webhooks
        self._direct_actions = direct_actions
        self._rules = rules
        self._clock = clock

    async def process(self, delivery: QueuedDelivery) -> None:
        """Make one attempt and record what became of it.

        When this returns, the delivery is finished, failed, waiting for its next attempt in the
        outbox, or was none of this copy's business.

        Raises:
            DatabaseUnavailable: Nothing is known; the delivery has to come again.
        """
        attempt = _Attempt(delivery, self._clock.monotonic())
        try:
            outcome = await self._attempt(attempt)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the border: becomes a recorded retry
            outcome = unexpected_error(delivery, error)
        match outcome:
            case None:
                self._count(attempt, "stale")
            case Done():
                self._count(attempt, "dispatched")
                metrics.ACCEPT_TO_DONE_SECONDS.observe(self._age_seconds(delivery))
            case Retry() | Reject():
                await self._settle(attempt, outcome)
            case _:
                assert_never(outcome)

    async def _attempt(self, attempt: _Attempt) -> Outcome | None:
        """Return the outcome, with its effect committed where it is ``Done``; None if stale."""
        delivery = attempt.delivery
        body = delivery.body if delivery.body is not None else await self._find_body(delivery)
        for _ in range(_MAX_RELOADS):
            webhook = await self._webhooks.find(delivery.tenant_id, delivery.webhook_id)
            if webhook is None:
                return Reject("the webhook has been deleted", "webhook_gone")
            attempt.handler = webhook.handler
            prepared = await self._prepare(webhook, delivery, body)
            try:
                return await self._run_claimed(attempt, webhook, prepared)
            except _RolledBackError as rolled_back:
                return rolled_back.outcome
            except _ConfigurationChangedError:
                metrics.CONFIGURATION_RELOADS.inc()
                self._webhooks.forget(webhook)
        return Retry("the configuration changed during every attempt", "configuration_changing")

    async def _prepare(
        self, webhook: Webhook, delivery: QueuedDelivery, body: bytes
    ) -> PreparedAction | Reject | Retry:
        match webhook.handler:
            case DirectAction() as config:
                return await self._direct_actions.prepare(
                    webhook, config, delivery=delivery, body=body
                )
            case WorkflowStart() as config:
                return Reject(
                    f"this worker runs no workflows, such as {config.workflow!r}",
                    "handler_unavailable",
                )
            case _:
                assert_never(webhook.handler)

    async def _run_claimed(
        self, attempt: _Attempt, webhook: Webhook, prepared: PreparedAction | Reject | Retry
    ) -> Outcome | None:
        """Claim, run and finish in one transaction, which only ``Done`` commits with an effect."""
        delivery = attempt.delivery
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            attempts = Attempts(connection)
            claim = await attempts.claim(delivery)
            if claim is None or _is_stale(claim, delivery):
                return None
            if claim.webhook_version != webhook.version:
                raise _ConfigurationChangedError
            outcome: Outcome = (
                prepared
                if isinstance(prepared, Reject | Retry)
                else await run_bounded(
                    prepared, connection, timeout_seconds=self._rules.handler_timeout_seconds
                )
            )
            if not isinstance(outcome, Done):
                raise _RolledBackError(outcome)
            await attempts.finish(
                delivery,
                outcome=encode_outcome(outcome.result),
                duration_ms=self._duration_ms(attempt),
            )
            return outcome

    async def _settle(self, attempt: _Attempt, outcome: Retry | Reject) -> None:
        """Record an attempt without effect, unless another copy moved the delivery on."""
        delivery = attempt.delivery
        decision = decide(
            outcome,
            attempt=delivery.attempt,
            policy=self._rules.policy,
            random=self._rules.random,
        )
        document = encode_outcome({**decision.document, **_handler_name(attempt.handler)})
        duration_ms = self._duration_ms(attempt)
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            attempts = Attempts(connection)
            match decision:
                case Fail():
                    moved = await attempts.fail(
                        delivery, outcome=document, duration_ms=duration_ms
                    )
                case TryAgain():
                    moved = await attempts.retry(
                        delivery,
                        outcome=document,
                        duration_ms=duration_ms,
                        delay_seconds=decision.delay_seconds,
                    )
                case _:
                    assert_never(decision)
        if not moved:
            self._count(attempt, "stale")
            return
        metrics.FAULTS.labels(outcome.code).inc()
        self._count(attempt, "failed" if isinstance(decision, Fail) else "retried")

    async def _find_body(self, delivery: QueuedDelivery) -> bytes:
        async with tenant_transaction(self._pool, delivery.tenant_id) as connection:
            body = await Attempts(connection).find_body(delivery.tenant_id, delivery.delivery_id)
        return body or b""

    def _count(self, attempt: _Attempt, outcome: str) -> None:
        metrics.DELIVERIES.labels(outcome).inc()
        metrics.ATTEMPT_SECONDS.observe(self._clock.monotonic() - attempt.started)

    def _duration_ms(self, attempt: _Attempt) -> float:
        return (self._clock.monotonic() - attempt.started) * 1000

    def _age_seconds(self, delivery: QueuedDelivery) -> float:
        return max((self._clock.now() - delivery.received_at).total_seconds(), 0.0)


def _is_stale(claim: Claim, delivery: QueuedDelivery) -> bool:
    """Return whether another copy of the delivery has moved it on."""
    return (
        claim.dispatch_status is not DispatchStatus.PENDING
        or claim.retry_count != delivery.attempt
    )


def _handler_name(handler: Handler | None) -> dict[str, str]:
    match handler:
        case DirectAction():
            return {"action": handler.action}
        case WorkflowStart():
            return {"workflow": handler.workflow}
        case None:
            return {}
        case _:
            assert_never(handler)
