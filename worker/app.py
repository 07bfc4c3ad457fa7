"""The composition root of the worker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points
from pkgutil import resolve_name
from random import SystemRandom

from shared.clock import Clock, SystemClock
from shared.crypto.keyring import parse_keyring
from shared.database.pool import (
    LONGEST_TRANSACTION_SECONDS,
    SYSTEM_ROLE,
    TENANT_ROLE,
    Pool,
    create_pool,
)
from shared.domain.retry import RetryPolicy
from shared.errors import ConfigurationError
from shared.expressions.evaluator import Evaluator
from shared.expressions.sandbox import Sandbox
from shared.ledger.circuit_breakers import BreakerPolicy
from shared.observability.logging import get_logger
from shared.observability.operations import operations_app, operations_config
from shared.observability.serving import serve
from shared.queue.connect import (
    GroupMember,
    connect_backlog,
    connect_consumer,
    connect_outbox,
    connect_producer,
)
from shared.queue.security import security_of
from worker.actions.bundled import BUNDLED
from worker.actions.registry import ENTRY_POINT_GROUP, Registry
from worker.attempt import AttemptRules, GroupLimits
from worker.consumer import ConsumerLimits, ConsumerLoop
from worker.dead_letters import dead_letter_box
from worker.forwarding.addresses import parse_networks
from worker.forwarding.client import Forwarder, ForwardPolicy
from worker.forwarding.connecting import CheckedConnections, tls_context
from worker.forwarding.resolving import SystemResolver
from worker.forwarding.signing import parse_secrets
from worker.forwarding.signing_keys import SigningKeys
from worker.forwarding.target import parse_ports
from worker.handlers.direct_action import DirectActionHandler
from worker.handlers.workflow import WorkflowHandler
from worker.health import worker_readiness
from worker.maintenance.announcement import announcement_duty
from worker.maintenance.duty import Duty
from worker.maintenance.events import events_duty
from worker.maintenance.expiry import expiry_duty
from worker.maintenance.partitions import partitions_duty
from worker.maintenance.reconciler import Reconciler, reconciler_duty
from worker.maintenance.relay import Relay
from worker.maintenance.replays import replays_duty
from worker.maintenance.samples import samples_duty
from worker.maintenance.topic_check import TopicCheck, topic_check
from worker.maintenance.workflow_runs import (
    refresh_duty,
    take_over_duty,
    workflow_retention_duty,
)
from worker.processor import Processor
from worker.settings import WorkerSettings
from worker.webhooks import WebhookCache
from worker.workflows import definition
from worker.workflows.port import AnyEngine, WorkflowEngine
from worker.workflows.registry import WorkflowRegistry
from worker.workflows.temporal_address import TemporalAddress

_LOGGER = get_logger(__name__)
#: Of what may be in hand; fewer groups at a time are larger ones.
_IN_HAND_FOR_EACH_GROUP = 32
#: Enough that one at a time of each connection keeps processors and disk busy.
_IN_HAND_FOR_EACH_APART = 4

_CLOSE_SECONDS = 3.0
#: Loaded only where there are workflows: either takes a second and 40 MB.
_DBOS = "worker.workflows.dbos_engine:DbosEngine"
_TEMPORAL = "worker.workflows.temporal_engine:TemporalEngine"


async def run(settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Run the worker until ``stop`` is set, then drain. A part that fails ends the program."""
    registry = build_registry()
    workflows = build_workflow_registry()
    async with AsyncExitStack() as stack:
        dsn = settings.database_url.reveal()
        tenant_pool = await stack.enter_async_context(
            _open_pool(
                dsn,
                role=TENANT_ROLE,
                size=settings.database_pool_size,
                # What a frozen worker has begun is the others' when its lease has run out.
                longest_transaction_seconds=settings.lease_seconds,
            )
        )
        system_pool = await stack.enter_async_context(
            _open_pool(dsn, role=SYSTEM_ROLE, size=settings.system_pool_size)
        )
        sandbox = await stack.enter_async_context(
            Sandbox(size=settings.sandbox_size, queue_seconds=settings.sandbox_queue_seconds)
        )
        engine = build_engine(settings, workflows, system_pool)
        processor = build_processor(
            settings,
            pool=tenant_pool,
            registry=registry,
            evaluator=Evaluator(sandbox),
            workflows=WorkflowHandler(workflows, engine),
        )
        consumer = connect_consumer(
            settings.queue_url,
            topic=settings.kafka_topic,
            pool=system_pool,
            lease_seconds=settings.lease_seconds,
            concurrency=settings.concurrency,
            member=_group_member(settings),
        )
        loop = ConsumerLoop(
            consumer,
            processor.process,
            keep_poison=dead_letter_box(system_pool),
            limits=ConsumerLimits(
                concurrency=settings.concurrency, drain_seconds=settings.drain_seconds
            ),
        )
        parts: list[Duty | Relay | TopicCheck | WorkflowEngine] = [
            *topic_check(settings),
            *workflow_parts(settings, system_pool, engine),
            announcement_duty(system_pool, registry, workflows),
            partitions_duty(system_pool, retention_days=settings.retention_days),
            expiry_duty(system_pool),
            samples_duty(system_pool),
            replays_duty(system_pool),
            events_duty(system_pool, retention_days=settings.event_retention_days),
            connect_reconciler(settings, system_pool),
            *connect_relay(settings, system_pool),
        ]
        operations = operations_config(
            operations_app(worker_readiness(system_pool, loop, engine, stop)),
            host=settings.operations_host,
            port=settings.operations_port,
        )
        drained = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(operations, drained), name="operations")
            for part in parts:
                group.create_task(part.run(stop), name=part.name)
            _LOGGER.info("started", actions=len(registry.definitions()))
            await loop.run(stop)
            drained.set()
        _LOGGER.info("stopped")


@asynccontextmanager
async def _open_pool(
    dsn: str,
    *,
    role: str,
    size: int,
    longest_transaction_seconds: float = LONGEST_TRANSACTION_SECONDS,
) -> AsyncIterator[Pool]:
    pool = await create_pool(
        dsn,
        role=role,
        application_name="postern-worker",
        size=size,
        keeps_plans=True,
        longest_transaction_seconds=longest_transaction_seconds,
    )
    try:
        yield pool
    finally:
        with contextlib.suppress(TimeoutError):  # what does not close in time is terminated
            async with asyncio.timeout(_CLOSE_SECONDS):
                await pool.close()


def connect_relay(settings: WorkerSettings, pool: Pool) -> list[Relay]:
    """Return the relay, or nothing where workers read the outbox themselves."""
    queue = connect_producer(
        settings.queue_url,
        topic=settings.kafka_topic,
        pool=pool,
        security=security_of(settings),
    )
    if queue.reads_outbox:
        return []
    return [Relay(connect_outbox(pool), queue)]


def connect_reconciler(settings: WorkerSettings, pool: Pool) -> Duty:
    """Return the duty that finds what was lost on its way."""
    backlog = connect_backlog(
        settings.queue_url, topic=settings.kafka_topic, member=_group_member(settings)
    )
    reconciler = Reconciler(
        pool,
        backlog,
        grace_seconds=settings.reconcile_grace_seconds,
        latest_seconds=settings.reconcile_latest_seconds,
    )
    return reconciler_duty(reconciler)


def _group_member(settings: WorkerSettings) -> GroupMember:
    return GroupMember(
        group_id=settings.kafka_group,
        instance_id=settings.kafka_instance,
        session_seconds=settings.kafka_session_seconds,
        security=security_of(settings),
    )


def build_registry() -> Registry:
    """Return the bundled actions and those of other installed distributions.

    Raises:
        ConfigurationError: An action cannot be loaded, or two have one name.
    """
    registry = Registry()
    # Named here too, so that a checkout that is not installed has them.
    for module in BUNDLED:
        registry.add_module(module)
    registry.add_entry_points(entry_points(group=ENTRY_POINT_GROUP))
    return registry


def build_workflow_registry() -> WorkflowRegistry:
    """Return the workflows of installed distributions.

    Raises:
        ConfigurationError: A workflow cannot be loaded, or two have one name.
    """
    registry = WorkflowRegistry()
    registry.add_entry_points(entry_points(group=definition.ENTRY_POINT_GROUP))
    return registry


def build_engine(
    settings: WorkerSettings, workflows: WorkflowRegistry, pool: Pool
) -> AnyEngine | None:
    """Return the engine, or None where there is no workflow; ``pool`` is of the system role."""
    if not workflows.items():
        return None
    if settings.workflow_engine == "temporal":
        engine: AnyEngine = resolve_name(_TEMPORAL)(
            workflows.items(),
            address=_temporal_address(settings),
            concurrency=settings.workflow_concurrency,
            drain_seconds=settings.drain_seconds,
        )
    else:
        engine = resolve_name(_DBOS)(
            workflows.items(),
            database_url=settings.database_url.reveal(),
            pool=pool,
            concurrency=settings.workflow_concurrency,
            drain_seconds=settings.drain_seconds,
        )
    return engine


def _temporal_address(settings: WorkerSettings) -> TemporalAddress:
    return TemporalAddress(
        address=settings.temporal_address,
        namespace=settings.temporal_namespace,
        task_queue=settings.temporal_task_queue,
        uses_tls=settings.temporal_tls,
        ca_file=settings.temporal_ca_file,
        certificate_file=settings.temporal_certificate_file,
        key_file=settings.temporal_key_file,
        api_key=settings.temporal_api_key,
    )


def workflow_parts(
    settings: WorkerSettings, pool: Pool, engine: WorkflowEngine | None
) -> list[Duty | WorkflowEngine]:
    """Return what runs beside the queue for workflows' sake."""
    if engine is None:
        return []
    return [
        engine,
        refresh_duty(pool, engine),
        take_over_duty(engine),
        workflow_retention_duty(pool, engine, retention_days=settings.retention_days),
    ]


def build_processor(
    settings: WorkerSettings,
    *,
    pool: Pool,
    registry: Registry,
    evaluator: Evaluator,
    workflows: WorkflowHandler | None = None,
) -> Processor:
    """Return the processor over a pool of the tenant role; without workflows it knows none."""
    clock = SystemClock()
    return Processor(
        pool=pool,
        webhooks=WebhookCache(pool),
        direct_actions=DirectActionHandler(
            registry=registry,
            evaluator=evaluator,
            clock=clock,
            expression_timeout_seconds=settings.expression_timeout_seconds,
            forwarder=build_forwarder(settings, pool, clock),
        ),
        workflows=workflows or WorkflowHandler(WorkflowRegistry(), None),
        rules=AttemptRules(
            handler_timeout_seconds=settings.handler_timeout_seconds,
            policy=RetryPolicy(
                max_attempts=settings.max_attempts,
                first_delay_seconds=settings.retry_first_seconds,
                max_delay_seconds=settings.retry_longest_seconds,
            ),
            random=SystemRandom().random,
            groups=GroupLimits(
                members=settings.group_members,
                groups=max(settings.concurrency // _IN_HAND_FOR_EACH_GROUP, 1),
                apart=max(settings.concurrency // _IN_HAND_FOR_EACH_APART, 1),
            ),
            breaker=BreakerPolicy(
                failures=settings.breaker_failures,
                hold_seconds=settings.breaker_hold_seconds,
                longest_hold_seconds=settings.breaker_longest_hold_seconds,
            ),
        ),
        clock=clock,
    )


def build_forwarder(settings: WorkerSettings, pool: Pool, clock: Clock) -> Forwarder:
    """Return what sends requests to targets; ``pool`` is of the tenant role.

    Raises:
        ConfigurationError: The certificates cannot be read.
    """
    secret = settings.forward_signing_secret
    try:
        tls = tls_context(settings.forward_ca_file)
    except OSError as error:
        fault = f"POSTERN_WORKER_FORWARD_CA_FILE: {error}"
        raise ConfigurationError([fault]) from error
    return Forwarder(
        ForwardPolicy(
            ports=parse_ports(settings.forward_ports),
            allows_plain_http=settings.forward_plain_http,
            # Ends before the handler's time does, so that the target is named as the cause.
            longest_seconds=settings.handler_timeout_seconds * 0.9,
        ),
        connections=CheckedConnections(
            allowed=parse_networks(settings.forward_allowed_networks), resolver=SystemResolver()
        ),
        tls=tls,
        keys=SigningKeys(
            pool,
            keyring=parse_keyring(settings.master_keys.reveal()),
            roots=() if secret is None else parse_secrets(secret.reveal()),
        ).find,
        clock=clock,
    )
