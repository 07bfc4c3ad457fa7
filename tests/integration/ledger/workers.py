"""Workers, with what they run beside their handlers, and the queue between."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.clock import SystemClock
from shared.database.pool import connection
from shared.domain.delivery import QueuedDelivery
from shared.domain.retry import RetryPolicy
from shared.errors import QueueUnavailable
from shared.expressions.evaluator import Evaluator
from shared.expressions.sandbox import Sandbox
from shared.ledger.circuit_breakers import BreakerPolicy
from shared.ledger.housekeeping import Housekeeping
from shared.ledger.reconciliation import Reconciliation
from shared.queue.connect import POSTGRES_QUEUE_URL, connect_consumer, connect_outbox
from shared.queue.port import Consumer
from tests.integration.ledger import scripted
from tests.integration.ledger.real_ledger import WORKER, RealLedger
from tests.integration.ledger.scripted import HAND, GatedWebhooks, Hand
from tests.integration.ledger.states import (
    BREAKER_FAILURES,
    HOLD_SECONDS,
    LONGEST_HOLD_SECONDS,
)
from tests.integration.worker.world import build_forwarder
from worker.actions.registry import Registry
from worker.attempt import AttemptRules, GroupLimits
from worker.handlers.direct_action import DirectActionHandler
from worker.handlers.workflow import WorkflowHandler
from worker.maintenance.relay import Relay
from worker.processor import Processor
from worker.workflows.registry import WorkflowRegistry

LEASE_SECONDS = 60
_DEADLINE_SECONDS = 20
_LOOK_SECONDS = 0.001

_BLOCKED = """
select count(*) from pg_stat_activity
where application_name = $1 and datname = current_database()
  and wait_event_type = 'Lock'
"""
_ALIVE = "select count(*) from pg_stat_activity where pid = any($1)"


@dataclass
class Conveyor:
    """A queue that keeps what it is sent, until told to be away."""

    reads_outbox = False
    sent: list[QueuedDelivery] = field(default_factory=list)
    is_away: bool = False

    async def send(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Keep deliveries."""
        if self.is_away:
            raise QueueUnavailable("told to be away")
        self.sent.extend(deliveries)

    async def close(self) -> None:
        """Do nothing."""


class Workers:
    """Processes deliveries, any number at a time."""

    def __init__(self, ledger: RealLedger, conveyor: Conveyor) -> None:
        self._ledger = ledger
        self._conveyor = conveyor
        self._processor = _build_processor(ledger)

    def consumer(self) -> Consumer:
        """Return the queue as a worker reads it where there is no Kafka."""
        return connect_consumer(
            POSTGRES_QUEUE_URL,
            topic="",
            pool=self._ledger.system,
            lease_seconds=LEASE_SECONDS,
            concurrency=10_000,
        )

    def relay(self) -> Relay:
        """Return a worker's relay to the conveyor."""
        return Relay(
            connect_outbox(self._ledger.system, lease_seconds=LEASE_SECONDS), self._conveyor
        )

    def start(self, hand: Hand, delivery: QueuedDelivery) -> "asyncio.Task[None]":
        """Begin to process a delivery; what it raises is raised by ``ended``."""
        # It outlives the call that begins it, so that no group could hold it.
        return asyncio.get_running_loop().create_task(self._process(hand, delivery))

    async def _process(self, hand: Hand, delivery: QueuedDelivery) -> None:
        HAND.set(hand)
        await self._processor.process(delivery)

    async def reached(self, gate: asyncio.Event, task: "asyncio.Task[None]") -> bool:
        """Wait until a gate is reached, or not any more; return whether it was."""
        async with asyncio.timeout(_DEADLINE_SECONDS):
            while True:
                if gate.is_set() or task.done():
                    return gate.is_set()
                await asyncio.sleep(_LOOK_SECONDS)

    async def blocked(self, task: "asyncio.Task[None]") -> None:
        """Wait until a worker waits for a lock, or has come to an end without."""
        await self._until(_BLOCKED, WORKER, enough=lambda count: count > 0 or task.done())

    async def rolled_back(self, hand: Hand) -> None:
        """Wait until the server has noticed which connections are cut."""
        if hand.cut_pids:
            await self._until(_ALIVE, hand.cut_pids, enough=lambda count: count == 0)

    async def reconcile(self, untouched_seconds: int) -> None:
        """Look for lost deliveries."""
        async with connection(self._ledger.system) as borrowed:
            await Reconciliation(borrowed).requeue_lost(
                after=UUID(int=0), untouched_seconds=untouched_seconds, limit=1000
            )

    async def expire_keys(self) -> None:
        """Delete keys whose window is over."""
        async with connection(self._ledger.system) as borrowed:
            await Housekeeping(borrowed).delete_expired_keys(limit=1000)

    async def _until(self, query: str, argument: object, *, enough: Callable[[int], bool]) -> None:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            while True:
                if enough(await self._ledger.admin.fetchval(query, argument)):
                    return
                await asyncio.sleep(_LOOK_SECONDS)


def _build_processor(ledger: RealLedger) -> Processor:
    clock, registry = SystemClock(), Registry()
    registry.add_module(scripted)
    return Processor(
        pool=ledger.tenants,
        webhooks=GatedWebhooks(ledger.tenants),
        direct_actions=DirectActionHandler(
            registry=registry,
            # No field has an expression, so that none of its processes is needed.
            evaluator=Evaluator(Sandbox(size=1)),
            clock=clock,
            expression_timeout_seconds=1.0,
            forwarder=build_forwarder(),
        ),
        workflows=WorkflowHandler(WorkflowRegistry(), None),
        rules=AttemptRules(
            handler_timeout_seconds=60.0,
            policy=RetryPolicy(),
            random=lambda: 1.0,
            # One by one: a group that comes apart calls handlers again, which the script of
            # endings would take for another attempt. Groups and lines have tests of their own.
            groups=GroupLimits(members=1, groups=1, apart=1),
            breaker=BreakerPolicy(
                failures=BREAKER_FAILURES,
                hold_seconds=HOLD_SECONDS,
                longest_hold_seconds=LONGEST_HOLD_SECONDS,
            ),
        ),
        clock=clock,
    )
