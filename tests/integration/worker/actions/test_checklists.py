"""Checklists that createTicket gives to tickets."""

from typing import Any

import pytest

from tests.integration.worker.actions.office import Office

ACTION = "createTicket"
TICKET = {
    "title": "Disk is full",
    "client_id": "@contoso",
    "board_id": "@desk",
    "priority_id": "@high",
    "category_id": "@hardware",
    "subcategory_id": "@disk",
}


async def _template(office: Office, name: str, items: list[str], **columns: Any) -> None:
    row = {"name": name, "items": items, **columns}
    await office.insert(name, "checklist_templates", "checklist_template_id", row)


async def _items(office: Office) -> list[str]:
    rows = await office.rows("ticket_checklist_items")
    return [row["item_text"] for row in sorted(rows, key=lambda row: row["order_number"])]


async def test_items_come_in_the_order_of_templates_and_items(office: Office) -> None:
    """Templates by their number, then by name; the ticket numbers all of them, from 1."""
    await _template(office, "a", ["a1"], order_number=1)
    await _template(office, "c", ["c1", "c2"])
    await _template(office, "b", ["z", "y", "x"])
    await office.done(ACTION, TICKET)
    assert await _items(office) == ["z", "y", "x", "c1", "c2", "a1"]
    ticket = await office.row("tickets")
    rows = await office.rows("ticket_checklist_items")
    assert {row["ticket_id"] for row in rows} == {ticket["ticket_id"]}
    assert sorted(row["order_number"] for row in rows) == [1, 2, 3, 4, 5, 6]
    templates = {row["item_text"]: row["checklist_template_id"] for row in rows}
    assert (templates["y"], templates["c2"]) == (office.ids["b"], office.ids["c"])
    assert not any(row["is_done"] for row in rows)
    (event,) = await office.events()
    assert event["changes"]["checklist_template_ids"] is True


@pytest.mark.parametrize(
    ("columns", "is_given"),
    [
        ({}, True),
        ({"board_id": "@desk"}, True),
        ({"board_id": "@lab"}, False),
        ({"priority_id": "@high"}, True),
        ({"priority_id": "@low"}, False),
        ({"category_id": "@hardware"}, True),
        ({"category_id": "@disk"}, True),
        ({"category_id": "@software"}, False),
        ({"board_id": "@desk", "category_id": "@hardware", "priority_id": "@high"}, True),
        ({"board_id": "@desk", "category_id": "@hardware", "priority_id": "@low"}, False),
        ({"is_inactive": True}, False),
    ],
)
async def test_template_is_for_tickets_that_match_it(
    office: Office, columns: dict[str, Any], *, is_given: bool
) -> None:
    """In all of what it names; a ticket that none matches has no checklist."""
    await _template(office, "one", ["look"], **columns)
    await office.done(ACTION, TICKET)
    assert await _items(office) == (["look"] if is_given else [])
    assert ("checklist_template_ids" in (await office.last_event())["changes"]) == is_given


async def test_template_of_a_category_is_for_no_ticket_without_one(office: Office) -> None:
    """Only what a template leaves open matches anything."""
    await _template(office, "one", ["look"], category_id="@hardware")
    await office.done(ACTION, {**TICKET, "category_id": None, "subcategory_id": None})
    assert await _items(office) == []


async def test_template_of_another_tenant_is_for_none_of_ours(office: Office) -> None:
    """Templates reach no further than their tenant."""
    stranger = Office(type(office.ledger)(office.ledger.pool), office.processor)
    await stranger.ledger.insert_tenant(f"stranger-{stranger.ledger.tenant_id}")
    await _template(stranger, "one", ["look"])
    await office.done(ACTION, TICKET)
    assert await _items(office) == []


async def test_ticket_that_is_refused_leaves_no_checklist(office: Office) -> None:
    """The items are in the delivery's transaction."""
    await _template(office, "one", ["look"])
    await office.refused(ACTION, {**TICKET, "board_id": "@empty"})
    assert await _items(office) == []
