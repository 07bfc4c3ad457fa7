"""The action addTagToEntityByExternalId on a real PSA store."""

from typing import Any

import pytest

from tests.integration.worker.actions.office import NOBODY, Office

ACTION = "addTagToEntityByExternalId"
REQUIRED = {"entity_type": "client", "external_id": "7", "tag_text": "VIP"}


@pytest.fixture
async def tagged(office: Office) -> Office:
    """An office whose sender knows one entity of each type that can be tagged, by 7."""
    ticket = {
        "title": "t",
        "client_id": "@contoso",
        "board_id": "@desk",
        "priority_id": "@high",
        "external_id": "7",
    }
    await office.done("createTicket", ticket)
    task = {"project_id": "@move", "task_name": "t", "external_id": "7"}
    await office.done("createProjectTask", task)
    for entity_type, name in {"client": "contoso", "contact": "cleo", "project": "move"}.items():
        await office.map(entity_type, "7", name)
    return office


@pytest.mark.parametrize("entity_type", ["client", "contact", "ticket", "project", "project_task"])
async def test_entity_is_tagged_once(tagged: Office, entity_type: str) -> None:
    """A repeat, in whatever case, finds the tag and leaves no event."""
    body = {**REQUIRED, "entity_type": entity_type}
    first = await tagged.done(ACTION, body)
    link = await tagged.row("tag_mappings")
    tag = await tagged.row("tags")
    assert (tag["entity_type"], tag["tag_text"]) == (entity_type, "VIP")
    assert (link["tag_id"], link["entity_type"]) == (tag["tag_id"], entity_type)
    assert first["entity_type"] == entity_type
    assert first["entity_id"] == str(link["entity_id"])
    assert first["metadata"] == {
        "tag_id": str(tag["tag_id"]),
        "tag_mapping_id": str(link["tag_mapping_id"]),
        "tag_text": "VIP",
        "created": True,
    }
    event = await tagged.last_event()
    assert (event["event_name"], event["entity_id"]) == (
        f"{entity_type}.tagged",
        link["entity_id"],
    )
    assert event["changes"]["tag_text"] == "VIP"
    count = len(await tagged.events())
    again = await tagged.done(ACTION, {**body, "tag_text": " vip "})
    assert again["metadata"] == {**first["metadata"], "created": False}
    assert len(await tagged.events()) == count


async def test_types_have_tags_of_their_own(tagged: Office) -> None:
    """A client's tag is another than a ticket's of the same text."""
    await tagged.done(ACTION, REQUIRED)
    await tagged.done(ACTION, {**REQUIRED, "entity_type": "ticket"})
    assert len(await tagged.rows("tags")) == 2


async def test_colours_are_those_of_a_new_tag(tagged: Office) -> None:
    """A later delivery does not repaint it; who tagged is kept on the link."""
    colours = {"background_color": "#fff", "text_color": "#000", "created_by": "@ada"}
    await tagged.done(ACTION, REQUIRED | colours)
    await tagged.done(ACTION, {**REQUIRED, "background_color": "#123", "text_color": None})
    tag = await tagged.row("tags")
    assert (tag["background_color"], tag["text_color"]) == ("#fff", "#000")
    assert (await tagged.row("tag_mappings"))["created_by"] == tagged.ids["ada"]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"entity_type": "asset"}, "mapping_failed", "entity_type"),
        ({"entity_type": None}, "mapping_failed", "entity_type"),
        ({"external_id": "8"}, "lookup_miss", "external_id"),
        ({"external_id": "gone"}, "lookup_miss", "external_id"),
        ({"tag_text": "  "}, "mapping_failed", "tag_text"),
        ({"tag_text": "x" * 51}, "mapping_failed", "tag_text"),
        ({"tag_text": None}, "mapping_failed", "tag_text"),
        ({"created_by": str(NOBODY)}, "lookup_miss", "created_by"),
        ({"background_color": []}, "mapping_failed", "background_color"),
    ],
)
async def test_tag_that_cannot_be_is_refused(
    tagged: Office, changes: dict[str, Any], code: str, field: str
) -> None:
    """The field is named, and no tag is left."""
    await tagged.ledger.insert_mapping("client", "gone", NOBODY)
    failure = await tagged.refused(ACTION, REQUIRED | changes)
    assert (failure["code"], failure["field"]) == (code, field)
    assert await tagged.rows("tags") == []


async def test_tagging_at_once_tags_once(tagged: Office) -> None:
    """Fifty deliveries make one tag and one link."""
    await tagged.use(ACTION, list(REQUIRED))
    outcomes = await tagged.handle_at_once([REQUIRED] * 50)
    assert [outcome["metadata"]["created"] for outcome in outcomes].count(True) == 1
    await tagged.row("tags")
    await tagged.row("tag_mappings")
