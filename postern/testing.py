"""For tests of actions and workflows of one's own.

Actions: deliveries on a real ledger, handled as a worker handles them; what a gateway and a queue
do is left out, all from the mapping on is the real thing. Workflows: runs without an engine.
"""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

from shared.clock import SystemClock
from shared.database.migrate import migrate
from shared.database.pool import (
    SYSTEM_ROLE,
    TENANT_ROLE,
    Connection,
    Pool,
    create_pool,
    tenant_transaction,
    transaction,
)
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId, uuid7
from shared.embedded.postgres import EmbeddedPostgres
from shared.expressions.evaluator import Evaluator
from shared.expressions.sandbox import Sandbox
from shared.ledger.deliveries import Deliveries
from shared.ledger.recording import AcceptedRow, Origin, Recording
from shared.ledger.tenants import Tenants
from shared.ledger.webhooks import Webhooks, WebhookSettings
from shared.settings import load
from worker.actions.registry import Registry
from worker.app import build_processor
from worker.processor import Processor
from worker.settings import WorkerSettings
from worker.workflows.definition import Envelope, Workflow
from worker.workflows.steps import StepCall, carry_out

#: Nothing is sealed in a trial.
_MASTER_KEYS = "trial:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#: A crash of the machine may lose what a test wrote.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@contextmanager
def ledger() -> Iterator[str]:
    """Start a PostgreSQL with Postern's schema, for one test run; yield its superuser's address.

    It takes some seconds: make one for all tests, and a ``trial`` for each.
    """
    with (
        tempfile.TemporaryDirectory(prefix="postern-") as directory,
        EmbeddedPostgres(Path(directory) / "postgres", settings=_FAST) as server,
    ):
        migrate(server.dsn())
        yield server.dsn()


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What became of a delivery."""

    delivery_id: DeliveryId
    #: ``dispatched``, ``failed``, or ``pending`` where it would be tried again.
    status: str
    #: As the control API shows it.
    outcome: Mapping[str, Any]


@asynccontextmanager
async def trial(database_url: str, *modules: ModuleType) -> AsyncIterator["Trial"]:
    """Open a tenant of its own with a webhook, and a worker that has the actions of modules."""
    registry = Registry()
    for module in modules:
        registry.add_module(module)
    settings = load(
        WorkerSettings,
        {"POSTERN_DATABASE_URL": database_url, "POSTERN_MASTER_KEYS": _MASTER_KEYS},
    )
    async with (
        await create_pool(
            database_url, role=TENANT_ROLE, application_name="trial", size=8
        ) as tenant_pool,
        await create_pool(
            database_url, role=SYSTEM_ROLE, application_name="trial", size=2
        ) as system_pool,
        AsyncExitStack() as stack,
    ):
        sandbox = Sandbox(size=1)
        processor = build_processor(
            settings, pool=tenant_pool, registry=registry, evaluator=Evaluator(sandbox)
        )
        opened = Trial(
            tenant_pool=tenant_pool,
            system_pool=system_pool,
            processor=processor,
            start_sandbox=lambda: stack.enter_async_context(sandbox),
        )
        await opened.open()
        yield opened


class Trial:
    """A tenant whose one webhook runs whatever action a test asks for."""

    def __init__(
        self,
        *,
        tenant_pool: Pool,
        system_pool: Pool,
        processor: Processor,
        start_sandbox: Callable[[], Awaitable[object]],
    ) -> None:
        self.tenant_id = TenantId(uuid7())
        self.webhook_id = WebhookId(uuid7())
        self._tenant_pool = tenant_pool
        self._system_pool = system_pool
        self._processor = processor
        #: Takes a second, and is needed by mappings alone that are not just paths.
        self._start_sandbox = start_sandbox
        self._has_sandbox = False
        self._version = 0

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """Begin a transaction that sees this tenant alone, as an action does."""
        return tenant_transaction(self._tenant_pool, self.tenant_id)

    async def open(self) -> None:
        """Make the tenant and its webhook."""
        async with transaction(self._system_pool) as connection:
            await Tenants(connection).insert(
                tenant_id=self.tenant_id, slug=f"trial-{self.tenant_id}", name="Trial"
            )
        async with self.transaction() as connection:
            await Webhooks(connection).insert(
                self.tenant_id, self.webhook_id, _settings("", {}), created_by=uuid7()
            )
        self._version = 1

    async def deliver(
        self,
        action: str,
        body: Mapping[str, Any],
        *,
        field_mapping: Mapping[str, str] | None = None,
    ) -> Handled:
        """Record a delivery and make one attempt at it.

        Without a mapping each member of the body fills the field of its name.
        """
        mapping = {name: name for name in body} if field_mapping is None else field_mapping
        if field_mapping is not None and not self._has_sandbox:
            self._has_sandbox = True
            await self._start_sandbox()
        await self._use(action, mapping)
        delivery = await self._record(orjson.dumps(body))
        await self._processor.process(delivery)
        async with self.transaction() as connection:
            row = await Deliveries(connection).get(self.tenant_id, delivery.delivery_id)
        return Handled(
            delivery_id=delivery.delivery_id,
            status=row.dispatch_status,
            outcome=orjson.loads(row.handler_outcome or "{}"),
        )

    async def _use(self, action: str, field_mapping: Mapping[str, str]) -> None:
        async with self.transaction() as connection:
            await Webhooks(connection).update(
                self.tenant_id, self.webhook_id, _settings(action, field_mapping)
            )
        self._version += 1

    async def _record(self, body: bytes) -> QueuedDelivery:
        delivery_id, now = DeliveryId(uuid7()), SystemClock().now()
        origin = Origin(
            tenant_id=self.tenant_id,
            webhook_id=self.webhook_id,
            webhook_version=self._version,
            secret_id=None,
            method="POST",
            path="/",
            source_address="127.0.0.1",
            idempotency_window_seconds=1,
        )
        row = AcceptedRow(
            delivery_id=delivery_id,
            origin=origin,
            received_ms=int(now.timestamp() * 1000),
            headers=b"content-type: application/json\r\n",
            body=body,
            idempotency_key=None,
            idempotency_fault=None,
        )
        async with transaction(self._system_pool) as connection:
            await Recording(connection).record_accepted([row], outbox_delay_seconds=0)
        return QueuedDelivery(
            tenant_id=self.tenant_id,
            webhook_id=self.webhook_id,
            delivery_id=delivery_id,
            attempt=0,
            received_at=now,
            headers=row.headers,
            body=body,
        )


async def run(workflow: Workflow, body: object, *, calls: int = 1) -> Any:
    """Carry a workflow on to its end and return its result, as JSON values.

    Sleeps do not last, and nothing outlives this call. What the workflow raises is raised.

    Args:
        workflow: What ``@workflow`` made.
        body: The envelope's.
        calls: How often each step is called, with the same key: 2 is what a death of the worker
            between a step's effect and the note of its result leads to.

    Raises:
        ValueError: The body is not what the workflow takes.
    """
    if workflow.body is not None:
        workflow.body.model_validate(body)
    delivery_id = str(uuid7())
    envelope = Envelope(
        source="trial",
        tenant_id=str(uuid7()),
        delivery_id=delivery_id,
        body=orjson.loads(orjson.dumps(body)),
        headers={"content-type": "application/json"},
        idempotency_key=None,
        received_at=SystemClock().now().isoformat(),
    )
    return await workflow.carry_on(
        _TrialRun(f"inbound-webhook:{delivery_id}", calls), envelope.content()
    )


@dataclass(frozen=True, slots=True)
class _TrialRun:
    """What an engine would give to a run."""

    run_id: str
    calls: int

    async def step(self, call: StepCall) -> str:
        return [await carry_out(call) for _ in range(self.calls)][-1]

    async def sleep(self, seconds: float) -> None:
        """Nobody waits in a test."""


def _settings(action: str, field_mapping: Mapping[str, str]) -> WebhookSettings:
    return WebhookSettings(
        name="Trial",
        slug="trial",
        description=None,
        auth_type="bearer",
        auth_config={},
        idempotency_source=None,
        idempotency_window_seconds=1,
        handler_type="direct_action",
        handler_config={"action": action, "field_mapping": dict(field_mapping)},
        rate_limit_per_minute=60,
        is_active=True,
    )
