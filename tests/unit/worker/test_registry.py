"""Actions: declared, found, announced."""

from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from shared.errors import ConfigurationError
from worker.actions import assets
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import ActionFields, Text
from worker.actions.registry import Action, Registry, action
from worker.app import build_registry


class _Note(ActionFields):
    text: Text


def _declared(name: str) -> Action:
    @action(name, entity_type="note", display_name="Note", description="Take a note.")
    async def take_note(_ctx: ActionContext, _fields: _Note) -> ActionResult:
        return ActionResult(entity_type="note")

    return take_note


def _module(name: str, **items: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(items)
    return module


def test_definition_comes_from_the_declaration() -> None:
    """The catalogue has the words of the decorator and the fields of the model."""
    assert _declared("note").definition() == {
        "name": "note",
        "entity_type": "note",
        "display_name": "Note",
        "description": "Take a note.",
        "target_fields": [
            {
                "name": "text",
                "type": "string",
                "required": True,
                "nullable": False,
                "description": "",
                "max_length": 10_000,
            }
        ],
    }


def test_module_gives_its_actions() -> None:
    """Other names in a module are no concern."""
    registry = Registry()
    registry.add_module(_module("notes", note=_declared("note"), other=7))
    assert [item["name"] for item in registry.definitions()] == ["note"]
    assert registry.find("note") is not None
    assert registry.find("other") is None


def test_two_actions_of_one_name_are_refused() -> None:
    """The fault names the action and the module that came second."""
    registry = Registry()
    registry.add_module(_module("first", note=_declared("note")))
    with pytest.raises(ConfigurationError, match="action note of second"):
        registry.add_module(_module("second", note=_declared("note")))


def test_action_imported_from_another_module_is_the_same_action() -> None:
    """Re-exporting an action does not declare it twice."""
    registry = Registry()
    note = _declared("note")
    registry.add_module(_module("first", note=note))
    registry.add_module(_module("second", note=note))
    assert len(registry.definitions()) == 1


def test_entry_point_of_a_bundled_module_adds_nothing() -> None:
    """Installed or run from a checkout, the bundled actions are there once."""
    registry = Registry()
    registry.add_module(assets)
    count = len(registry.definitions())
    registry.add_entry_points([EntryPoint("assets", "worker.actions.assets", "postern.actions")])
    assert len(registry.definitions()) == count == 1


def test_entry_point_that_cannot_be_imported_is_refused() -> None:
    """A worker does not start with half of its actions."""
    broken = EntryPoint("broken", "no_such_package.actions", "postern.actions")
    with pytest.raises(ConfigurationError, match=r"broken = no_such_package\.actions"):
        Registry().add_entry_points([broken])


def test_worker_has_the_bundled_actions() -> None:
    """The composition root registers them by itself."""
    names = {definition["name"] for definition in build_registry().definitions()}
    assert names == {
        "addTagToEntityByExternalId",
        "addTicketCommentByExternalId",
        "changeTicketStatusByExternalId",
        "createProjectTask",
        "createTicket",
        "createTimeEntry",
        "forward",
        "markInvoicePaidByExternalId",
        "setClientActiveByExternalId",
        "updateInvoiceStatusByExternalId",
        "updateProjectTaskStatusByExternalId",
        "updateTicketByExternalId",
        "upsertAssetByExternalId",
        "upsertClientByExternalId",
        "upsertContactByExternalId",
    }


async def _no_model(_ctx: ActionContext, _fields: int) -> ActionResult:
    return ActionResult(entity_type="x")


async def _too_few(_ctx: ActionContext) -> ActionResult:
    return ActionResult(entity_type="x")


def _not_async(_ctx: ActionContext, _fields: _Note) -> ActionResult:
    return ActionResult(entity_type="x")


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (_no_model, "_no_model: the type of _fields must be a subclass of ActionFields"),
        (_too_few, "_too_few must be an async def with two parameters"),
        (_not_async, "_not_async must be an async def with two parameters"),
    ],
)
def test_wrong_declaration_is_told_as_it_is_made(run: Any, told: str) -> None:
    """An author learns at once what is wrong, not from the catalogue or the first delivery."""
    with pytest.raises(TypeError, match=told):
        action("x", entity_type="x", display_name="X", description="X.")(run)
