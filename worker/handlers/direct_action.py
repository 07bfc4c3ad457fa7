"""Direct actions: evaluate the field mapping, fill the typed fields, run the registered action."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from shared.clock import Clock
from shared.database.pool import Connection
from shared.domain.delivery import QueuedDelivery, parse_header_block
from shared.domain.identifiers import TenantId
from shared.domain.webhook import DirectAction, Webhook
from shared.expressions.evaluator import Evaluator
from shared.ledger.mappings import Mappings
from shared.mapping.fields import ActionFields
from shared.mapping.mapper import Mapper
from worker import metrics
from worker.actions.context import ActionContext, ActionResult, OutboundContext
from worker.actions.registry import Action, ActionOutcome, Registry
from worker.forwarding.client import Forwarder
from worker.mapping import fields_or_outcome
from worker.outcome import Done, Outcome, Reject, Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedAction:
    """An action with its fields filled, ready to run inside the delivery's transaction."""

    action: Action
    fields: ActionFields
    webhook: Webhook
    delivery: QueuedDelivery
    document: object
    clock: Clock

    async def run(self, connection: Connection) -> Outcome:
        """Run the action on the delivery's own transaction."""
        return _outcome(self.action, await self.action.run(self.context(connection), self.fields))

    def context(self, connection: Connection) -> ActionContext:
        """Return what the action is given, on the delivery's own transaction."""
        return ActionContext(
            tenant_id=self.delivery.tenant_id,
            webhook_id=self.delivery.webhook_id,
            webhook_slug=self.webhook.slug,
            delivery_id=self.delivery.delivery_id,
            idempotency_key=self.delivery.idempotency_key,
            headers=parse_header_block(self.delivery.headers),
            body=self.document,
            received_at=self.delivery.received_at,
            connection=connection,
            mappings=Mappings(connection),
            clock=self.clock,
        )


async def run_together(
    prepared: Sequence[PreparedAction], connection: Connection
) -> list[Outcome]:
    """Run one action for several deliveries, in order, on the transaction that they share."""
    action = prepared[0].action
    if action.run_together is None or len(prepared) == 1:
        return [await one.run(connection) for one in prepared]
    calls = [(one.context(connection), one.fields) for one in prepared]
    outcomes = await action.run_together(calls)
    if len(outcomes) != len(calls):
        raise RuntimeError(
            f"{action.name} returned {len(outcomes)} outcomes for {len(calls)} deliveries"
        )
    return [_outcome(action, outcome) for outcome in outcomes]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCall:
    """An outbound action with its fields filled, ready to run without a transaction."""

    action: Action
    fields: ActionFields
    delivery: QueuedDelivery
    body: bytes
    forwarder: Forwarder

    async def run(self) -> Outcome:
        """Run the action."""
        return _outcome(self.action, await self.action.run(self._context(), self.fields))

    def _context(self) -> OutboundContext:
        return OutboundContext(
            tenant_id=self.delivery.tenant_id,
            webhook_id=self.delivery.webhook_id,
            delivery_id=self.delivery.delivery_id,
            headers=parse_header_block(self.delivery.headers),
            body=self.body,
            forwarder=self.forwarder,
        )


def _outcome(action: Action, outcome: ActionOutcome) -> Outcome:
    match outcome:
        case ActionResult():
            return Done(_result(action, outcome))
        case _:
            return outcome


def _result(action: Action, result: ActionResult) -> dict[str, object]:
    return {
        "action": action.name,
        "entity_type": result.entity_type,
        "entity_id": result.entity_id,
        "external_id": result.external_id,
        "message": result.message,
        "metadata": result.metadata,
    }


class DirectActionHandler:
    """Prepares direct actions. Touches no database: preparing needs no transaction."""

    def __init__(
        self,
        *,
        registry: Registry,
        evaluator: Evaluator,
        clock: Clock,
        expression_timeout_seconds: float,
        forwarder: Forwarder,
    ) -> None:
        self._registry = registry
        self._mapper = Mapper(evaluator, timeout_seconds=expression_timeout_seconds)
        self._clock = clock
        self._forwarder = forwarder

    async def prepare(
        self, webhook: Webhook, config: DirectAction, *, delivery: QueuedDelivery, body: bytes
    ) -> PreparedAction | PreparedCall | Reject | Retry:
        """Return the action with its fields filled from the body, or why that cannot be."""
        action = self._registry.find(config.action)
        if action is None:
            return Reject(f"this worker has no action {config.action!r}", "unknown_action")
        try:
            document = orjson.loads(body) if body else None
        except orjson.JSONDecodeError as error:
            return Reject(f"the body is not JSON: {error}", "invalid_json")
        fields = await self._fill(
            action, config, document=document, body=body, owner=delivery.tenant_id
        )
        match fields:
            case ActionFields() if action.is_outbound:
                return PreparedCall(
                    action=action,
                    fields=fields,
                    delivery=delivery,
                    body=body,
                    forwarder=self._forwarder,
                )
            case ActionFields():
                return PreparedAction(
                    action=action,
                    fields=fields,
                    webhook=webhook,
                    delivery=delivery,
                    document=document,
                    clock=self._clock,
                )
            case _:
                return fields

    async def _fill(
        self,
        action: Action,
        config: DirectAction,
        *,
        document: object,
        body: bytes,
        owner: TenantId,
    ) -> ActionFields | Reject | Retry:
        mapped = await self._mapper.map(
            action.fields, config.field_mapping, document=document, body=body, owner=owner
        )
        fields = fields_or_outcome(mapped)
        if isinstance(fields, Reject):
            for fault in fields.details["faults"]:
                metrics.FIELD_FAULTS.labels(fault["rule"]).inc()
        return fields
