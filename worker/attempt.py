"""One attempt at a delivery, and the rules that attempts are held to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.delivery import QueuedDelivery
from shared.domain.retry import RetryPolicy
from shared.domain.webhook import Webhook
from shared.ledger.circuit_breakers import BreakerPolicy
from worker import metrics
from worker.outcome_document import encode_outcome


@dataclass(slots=True)
class Attempt:
    """What is known of the attempt so far."""

    delivery: QueuedDelivery
    started: float
    #: The configuration it was last prepared under.
    webhook: Webhook | None = None
    #: Whether it tries out a webhook whose circuit breaker is open.
    is_probe: bool = False

    def outcome_text(self, document: Mapping[str, Any]) -> str:
        """Return JSON text of what became of it, and under which version of the webhook."""
        version = {} if self.webhook is None else {"webhook_version": self.webhook.version}
        return encode_outcome({**document, **version})

    def count(self, outcome: str, *, now: float) -> None:
        """Count what became of the delivery; ``now`` is of the clock of ``started``."""
        metrics.DELIVERIES.labels(outcome).inc()
        metrics.ATTEMPT_SECONDS.observe(now - self.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimits:
    """How many deliveries of a tenant share a transaction, and how many such run at a time.

    One that goes alone because nobody waits beside it counts as a group.
    """

    members: int
    groups: int
    #: At a time, of those that cannot share.
    apart: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRules:
    """How long an attempt may take, and how often and far apart attempts are."""

    handler_timeout_seconds: float
    #: For webhooks without a policy of their own.
    policy: RetryPolicy
    #: Returns a float in [0, 1); spreads retries.
    random: Callable[[], float]
    breaker: BreakerPolicy
    groups: GroupLimits
