"""Actions by name: how one is declared, found and announced."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, TypeVar

from shared.errors import ConfigurationError
from shared.ledger.catalog import ActionDefinition
from shared.mapping.catalogue import target_fields
from shared.mapping.fields import ActionFields
from worker.actions.context import ActionContext, ActionResult, OutboundContext
from worker.actions.declared_fields import fields_model
from worker.outcome import Reject, Retry

#: Distributions name modules of actions under this group.
ENTRY_POINT_GROUP = "postern.actions"

ActionOutcome = ActionResult | Reject | Retry
Fields = TypeVar("Fields", bound=ActionFields)


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
    name: str, *, entity_type: str, display_name: str, description: str
) -> Callable[[Callable[[ActionContext, Fields], Awaitable[ActionOutcome]]], Action]:
    """Declare an action: an ``async def`` of a context and a model of its target fields.

    The function returns what it did, ``Reject`` for a permanent fault or ``Retry`` for a passing
    one. What it wrote is rolled back unless it did what it should.
    """

    def declare(run: Callable[[ActionContext, Fields], Awaitable[ActionOutcome]]) -> Action:
        return Action(
            name=name,
            entity_type=entity_type,
            display_name=display_name,
            description=description,
            fields=fields_model(run),
            run=run,
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


class Registry:
    """The actions that this worker can run."""

    def __init__(self) -> None:
        self._by_name: dict[str, Action] = {}
        self._modules: set[str] = set()

    def add_module(self, module: ModuleType) -> None:
        """Add every action of a module; a module that was added before is passed over.

        Raises:
            ConfigurationError: A name is taken.
        """
        if module.__name__ in self._modules:
            return
        self._modules.add(module.__name__)
        for item in vars(module).values():
            if isinstance(item, Action):
                self._add(item, module)

    def add_entry_points(self, entry_points: Iterable[EntryPoint]) -> None:
        """Import the modules that installed distributions name, and add their actions.

        Raises:
            ConfigurationError: A module cannot be imported, or a name is taken.
        """
        for entry_point in entry_points:
            try:
                module = entry_point.load()
            except Exception as error:  # another package's code, which may fail in any way
                fault = f"{type(error).__name__}: {error}"
                raise ConfigurationError(
                    [f"entry point {entry_point.name} = {entry_point.value}: {fault}"]
                ) from error
            self.add_module(module)

    def find(self, name: str) -> Action | None:
        """Return an action by name."""
        return self._by_name.get(name)

    def definitions(self) -> list[ActionDefinition]:
        """Return every action as the catalogue shows it."""
        return [item.definition() for item in self._by_name.values()]

    def _add(self, item: Action, module: ModuleType) -> None:
        if self._by_name.setdefault(item.name, item) is not item:
            raise ConfigurationError(
                [f"action {item.name} of {module.__name__} is declared twice under that name"]
            )
