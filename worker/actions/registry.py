"""Actions by name: how one is declared, found and announced."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.ledger.catalog import ActionDefinition
from shared.mapping.catalogue import target_fields
from shared.mapping.fields import ActionFields
from worker.actions.context import ActionContext, ActionResult, OutboundContext
from worker.actions.declared_fields import fields_model
from worker.extensions import Extensions
from worker.outcome import Reject, Retry

#: Distributions name modules of actions under this group.
ENTRY_POINT_GROUP = "postern.actions"

ActionOutcome = ActionResult | Reject | Retry
Fields = TypeVar("Fields", bound=ActionFields)
_Context = TypeVar("_Context")
_Fields = TypeVar("_Fields")
_RunTogether = Callable[[Sequence[tuple[_Context, _Fields]]], Awaitable[Sequence[ActionOutcome]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A registered action."""

    name: str
    entity_type: str
    display_name: str
    description: str
    fields: type[ActionFields]
    #: Called with the context of its kind and a value of ``fields``.
    run: Callable[[Any, Any], Awaitable[ActionOutcome]]
    #: Whether it takes an ``OutboundContext``: its effect is not in the delivery's transaction.
    is_outbound: bool = False
    #: Called with several such, whose contexts share a transaction; returns what became of each.
    run_together: _RunTogether[Any, Any] | None = None

    def definition(self) -> ActionDefinition:
        """Return the action as the catalogue shows it."""
        return {
            "name": self.name,
            "entity_type": self.entity_type,
            "display_name": self.display_name,
            "description": self.description,
            "target_fields": target_fields(self.fields),
        }


def action(
    name: str,
    *,
    entity_type: str,
    display_name: str,
    description: str,
    together: _RunTogether[ActionContext, Fields] | None = None,
) -> Callable[[Callable[[ActionContext, Fields], Awaitable[ActionOutcome]]], Action]:
    """Declare an action: an ``async def`` of a context and a model of its target fields.

    The function returns what it did, ``Reject`` for a permanent fault or ``Retry`` for a passing
    one. What it wrote is rolled back unless it did what it should.

    Under load, deliveries of a tenant share a transaction. ``together`` may then do for several
    what the function does for each, with fewer statements; the transaction is only kept where
    every outcome is a result.
    """

    def declare(run: Callable[[ActionContext, Fields], Awaitable[ActionOutcome]]) -> Action:
        return Action(
            name=name,
            entity_type=entity_type,
            display_name=display_name,
            description=description,
            fields=fields_model(run),
            run=run,
            run_together=together,
        )

    return declare


def outbound_action(
    name: str, *, entity_type: str, display_name: str, description: str
) -> Callable[[Callable[[OutboundContext, Fields], Awaitable[ActionOutcome]]], Action]:
    """Declare an action that works outside the database, such as on an HTTP target.

    No transaction is open while it runs. It runs at least once: what it does has to carry the
    delivery's id, by which the other side tells a repetition.
    """

    def declare(run: Callable[[OutboundContext, Fields], Awaitable[ActionOutcome]]) -> Action:
        return Action(
            name=name,
            entity_type=entity_type,
            display_name=display_name,
            description=description,
            fields=fields_model(run),
            run=run,
            is_outbound=True,
        )

    return declare


class Registry(Extensions[Action]):
    """The actions that this worker can run."""

    def __init__(self) -> None:
        super().__init__(Action)

    def definitions(self) -> list[ActionDefinition]:
        """Return every action as the catalogue shows it."""
        return [item.definition() for item in self.items()]
