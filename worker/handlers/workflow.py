"""Workflows as handlers: check the envelope, start the run, link it to its delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from shared.database.pool import Connection
from shared.domain.delivery import QueuedDelivery, parse_header_block
from shared.domain.webhook import Webhook, WorkflowStart
from shared.ledger.workflow_runs import WorkflowRuns
from worker.outcome import Done, Outcome, Reject, Retry
from worker.workflows.definition import Envelope, Workflow
from worker.workflows.port import AnyEngine, LedgerEngine, RemoteEngine, RunStart
from worker.workflows.registry import WorkflowRegistry

_RUN_ID = "inbound-webhook:{}"
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedStart:
    """A run whose envelope is checked, ready to start inside the delivery's transaction."""

    engine: LedgerEngine
    start: RunStart
    delivery: QueuedDelivery

    async def run(self, connection: Connection) -> Outcome:
        """Start the run; it begins when the transaction commits."""
        await self.engine.enlist(connection, self.start)
        await _link(connection, self.delivery, self.start, engine=self.engine.name)
        return _done(self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedLaunch:
    """A run whose envelope is checked, ready to start elsewhere, without a transaction."""

    engine: RemoteEngine
    start: RunStart
    delivery: QueuedDelivery

    async def run(self) -> Outcome:
        """Start the run."""
        fault: Retry | Reject | None = await self.engine.launch(self.start)
        return _done(self.start) if fault is None else fault

    async def record(self, connection: Connection) -> None:
        """Link the run to its delivery, in the transaction that closes the delivery."""
        await _link(connection, self.delivery, self.start, engine=self.engine.name)


async def _link(
    connection: Connection, delivery: QueuedDelivery, start: RunStart, *, engine: str
) -> None:
    await WorkflowRuns(connection).insert(
        delivery, run_id=start.run_id, workflow=start.workflow, engine=engine
    )


def _done(start: RunStart) -> Done:
    return Done({"workflow": start.workflow, "workflow_run_id": start.run_id})


class WorkflowHandler:
    """Prepares starts of workflows. Touches no database."""

    def __init__(self, registry: WorkflowRegistry, engine: AnyEngine | None) -> None:
        """Start runs on the engine; None where no workflow is registered."""
        self._registry = registry
        # Looked at once: these checks take longer than all the rest of preparing.
        self._ledger_engine = engine if isinstance(engine, LedgerEngine) else None
        self._remote_engine = engine if isinstance(engine, RemoteEngine) else None

    def prepare(
        self, webhook: Webhook, config: WorkflowStart, *, delivery: QueuedDelivery, body: bytes
    ) -> PreparedStart | PreparedLaunch | Reject:
        """Return the run with its envelope, or why it cannot be."""
        workflow = self._registry.find(config.workflow)
        if workflow is None:
            return Reject(f"this worker has no workflow {config.workflow!r}", "unknown_workflow")
        try:
            document = orjson.loads(body) if body else None
        except orjson.JSONDecodeError as error:
            return Reject(f"the body is not JSON: {error}", "invalid_json")
        faults = _faults(workflow, document)
        if faults:
            return Reject(
                f"the body is not what workflow {workflow.name!r} takes",
                "envelope_invalid",
                {"faults": faults},
            )
        start = RunStart(
            run_id=_RUN_ID.format(delivery.delivery_id),
            workflow=workflow.name,
            envelope=orjson.dumps(_envelope(webhook, delivery, document).content()).decode(),
        )
        return self._prepared(start, delivery)

    def _prepared(
        self, start: RunStart, delivery: QueuedDelivery
    ) -> PreparedStart | PreparedLaunch | Reject:
        if self._ledger_engine is not None:
            return PreparedStart(engine=self._ledger_engine, start=start, delivery=delivery)
        if self._remote_engine is not None:
            return PreparedLaunch(engine=self._remote_engine, start=start, delivery=delivery)
        return Reject("this worker has no workflow engine", "unknown_workflow")


def _faults(workflow: Workflow, document: Any) -> Sequence[dict[str, Any]]:
    if workflow.body is None:
        return ()
    try:
        workflow.body.model_validate(document)
    except ValidationError as error:
        return [
            {
                "field": ".".join(("body", *map(str, fault["loc"]))),
                "rule": fault["type"],
                "reason": fault["msg"],
            }
            for fault in error.errors(include_url=False)[:_MOST_FAULTS]
        ]
    return ()


def _envelope(webhook: Webhook, delivery: QueuedDelivery, document: Any) -> Envelope:
    headers: dict[str, str] = {}
    for name, value in parse_header_block(delivery.headers):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Envelope(
        source=webhook.slug,
        tenant_id=str(delivery.tenant_id),
        delivery_id=str(delivery.delivery_id),
        body=document,
        headers=headers,
        idempotency_key=delivery.idempotency_key,
        received_at=delivery.received_at.isoformat(),
    )
