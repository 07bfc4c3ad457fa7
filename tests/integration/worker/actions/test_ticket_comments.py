"""The action addTicketCommentByExternalId on a real PSA store."""

from typing import Any

import orjson
import pytest

from tests.integration.worker.actions.office import NOBODY, Office

ACTION = "addTicketCommentByExternalId"
COMMENT: dict[str, Any] = {"external_id": "T-1", "content": "Try again.\nPlease."}


@pytest.fixture
async def desk(office: Office) -> Office:
    """An office with one ticket."""
    ticket = {
        "external_id": "T-1",
        "title": "Disk is full",
        "client_id": "@contoso",
        "board_id": "@desk",
        "priority_id": "@high",
    }
    await office.done("createTicket", ticket)
    return office


async def test_comment_is_internal_and_the_systems_by_default(desk: Office) -> None:
    """It stands in a thread of its own and notes where it came from."""
    outcome = await desk.done(ACTION, COMMENT)
    comment, thread = await desk.row("comments"), await desk.row("comment_threads")
    ticket = await desk.row("tickets")
    assert (comment["ticket_id"], comment["thread_id"]) == (
        ticket["ticket_id"],
        thread["thread_id"],
    )
    assert comment["content"] == COMMENT["content"]
    assert (comment["is_internal"], comment["is_resolution"]) == (True, False)
    assert (comment["author_type"], comment["author_id"]) == ("system", None)
    assert orjson.loads(comment["metadata"]) == {
        "delivery_id": str(outcome["delivery_id"]),
        "slug": "rmm-device-updates",
        "external_id": "T-1",
    }
    assert outcome["entity_id"] == str(ticket["ticket_id"])
    assert outcome["metadata"] == {"comment_id": str(comment["comment_id"])}
    assert ticket["response_state"] is None
    event = await desk.last_event()
    assert (event["event_name"], event["entity_id"]) == (
        "ticket.comment_added",
        ticket["ticket_id"],
    )
    assert event["changes"]["comment_id"] == str(comment["comment_id"])


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"is_internal": False}, {"is_internal": False}),
        ({"is_internal": "false"}, {"is_internal": False}),
        ({"is_internal": None}, {"is_internal": True}),
        ({"is_resolution": True}, {"is_resolution": True}),
        ({"is_resolution": None}, {"is_resolution": False}),
        ({"author_id": "@ada"}, {"author_type": "internal", "author_id": "ada"}),
        ({"contact_id": "@cleo"}, {"author_type": "contact", "contact_id": "cleo"}),
        ({"author_id": None, "contact_id": "@cleo"}, {"author_type": "contact"}),
    ],
)
async def test_field_fills_its_column(
    desk: Office, changes: dict[str, Any], columns: dict[str, Any]
) -> None:
    """Who wrote it follows from the author that is mapped."""
    await desk.done(ACTION, COMMENT | changes)
    comment = await desk.row("comments")
    expected = {
        name: desk.ids.get(value, value) if isinstance(value, str) else value
        for name, value in columns.items()
    }
    assert {name: comment[name] for name in columns} == expected


@pytest.mark.parametrize(
    ("is_internal", "is_tracked", "state"),
    [
        (False, None, "awaiting_internal"),
        (False, True, "awaiting_internal"),
        (False, False, None),
        (True, None, None),
    ],
)
async def test_contact_who_writes_for_all_waits_for_an_answer(
    desk: Office, is_internal: bool, is_tracked: bool | None, state: str | None
) -> None:
    """Unless the tenant does not track it, or the comment is internal."""
    if is_tracked is not None:
        await desk.ledger.pool.execute(
            "update psa.tenant_settings set tracks_responses = $2 where tenant_id = $1",
            desk.ledger.tenant_id,
            is_tracked,
        )
    await desk.done(ACTION, {**COMMENT, "contact_id": "@cleo", "is_internal": is_internal})
    assert (await desk.row("tickets"))["response_state"] == state


async def test_every_comment_has_a_thread_of_its_own(desk: Office) -> None:
    """Two comments, two threads."""
    for _ in range(2):
        await desk.done(ACTION, COMMENT)
    assert len({row["thread_id"] for row in await desk.rows("comments")}) == 2


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"author_id": "@ada", "contact_id": "@cleo"}, "validation_error", "contact_id"),
        ({"author_id": str(NOBODY)}, "lookup_miss", "author_id"),
        ({"contact_id": str(NOBODY)}, "lookup_miss", "contact_id"),
        ({"content": ""}, "mapping_failed", "content"),
        ({"content": "x" * 100_001}, "mapping_failed", "content"),
        ({"is_internal": "yes"}, "mapping_failed", "is_internal"),
        ({"external_id": None}, "mapping_failed", "external_id"),
    ],
)
async def test_comment_that_cannot_be_is_refused(
    desk: Office, changes: dict[str, Any], code: str, field: str
) -> None:
    """The field is named, and nothing is left."""
    failure = await desk.refused(ACTION, COMMENT | changes)
    assert (failure["code"], failure["field"]) == (code, field)
    assert await desk.rows("comments") == []
