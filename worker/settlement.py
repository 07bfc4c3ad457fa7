"""Records attempts that left no effect: for another try, or as the end."""

from typing import assert_never

from shared.clock import Clock
from shared.database.pool import Connection, Pool, tenant_transaction
from shared.domain.webhook import DirectAction, Webhook, WorkflowStart
from shared.ledger.attempts import Attempts
from shared.ledger.circuit_breakers import CircuitBreakers
from shared.observability.logging import get_logger
from worker import metrics
from worker.attempt import Attempt, AttemptRules
from worker.dispatch import Fail, TryAgain, decide
from worker.outcome import Reject, Retry

_LOGGER = get_logger(__name__)

#: Faults of our own making, which say nothing about what the handler works with.
_NOT_THE_TARGET = frozenset(
    {"database_contention", "configuration_changing", "expression_busy", "expression_starved"}
)


class Settlement:
    """Settles attempts, each in a transaction of its own."""

    def __init__(self, pool: Pool, rules: AttemptRules, clock: Clock) -> None:
        self._pool = pool
        self._rules = rules
        self._clock = clock

    async def settle(self, attempt: Attempt, outcome: Retry | Reject) -> None:
        """Record an attempt without effect, unless another copy moved the delivery on."""
        webhook = attempt.webhook
        policy = (webhook.retry_policy if webhook else None) or self._rules.policy
        decision = decide(
            outcome, attempt=attempt.delivery.attempt, policy=policy, random=self._rules.random
        )
        async with tenant_transaction(self._pool, attempt.delivery.tenant_id) as connection:
            moved = await self._record(connection, attempt, decision)
            if moved:
                await self._tell_breaker(connection, attempt, outcome)
        if not moved:
            attempt.count("stale", now=self._clock.monotonic())
            return
        metrics.FAULTS.labels(outcome.code).inc()
        ended = "failed" if isinstance(decision, Fail) else "retried"
        attempt.count(ended, now=self._clock.monotonic())

    async def _record(
        self, connection: Connection, attempt: Attempt, decision: Fail | TryAgain
    ) -> bool:
        attempts = Attempts(connection)
        document = attempt.outcome_text({**decision.document, **_handler_name(attempt.webhook)})
        duration_ms = (self._clock.monotonic() - attempt.started) * 1000
        match decision:
            case Fail():
                return await attempts.fail(
                    attempt.delivery, outcome=document, duration_ms=duration_ms
                )
            case TryAgain():
                return await attempts.retry(
                    attempt.delivery,
                    outcome=document,
                    duration_ms=duration_ms,
                    delay_seconds=decision.delay_seconds,
                )
            case _:
                assert_never(decision)

    async def _tell_breaker(
        self, connection: Connection, attempt: Attempt, outcome: Retry | Reject
    ) -> None:
        delivery, breakers = attempt.delivery, CircuitBreakers(connection)
        if isinstance(outcome, Retry) and outcome.code not in _NOT_THE_TARGET:
            if await breakers.count_failure(delivery, self._rules.breaker):
                metrics.BREAKERS_OPENED.inc()
                _LOGGER.warning(
                    "circuit_breaker_opened",
                    tenant_id=str(delivery.tenant_id),
                    webhook_id=str(delivery.webhook_id),
                    code=outcome.code,
                )
        elif attempt.is_probe:
            await breakers.end_probe(delivery)


def _handler_name(webhook: Webhook | None) -> dict[str, str]:
    match webhook.handler if webhook else None:
        case DirectAction() as handler:
            return {"action": handler.action}
        case WorkflowStart() as handler:
            return {"workflow": handler.workflow}
        case None:
            return {}
