"""The action that adds comments to tickets."""

from typing import Annotated, Any

from pydantic import Field

from shared.domain.identifiers import uuid7
from shared.psa.tickets import Tickets
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import (
    ActionFields,
    Boolean,
    ContactRef,
    ExternalId,
    Lookup,
    Prose,
    UserRef,
)
from worker.actions.lookup import find_mapped, invalid, reference_fault
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject


class AddTicketComment(ActionFields):
    """A comment."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="ticket", on_found="update", on_missing="reject")
    ] = Field(description="The sender's id of the ticket.")
    content: Prose = Field(description="The text.")
    is_internal: Boolean | None = Field(
        default=True, description="Whether only users may read it."
    )
    is_resolution: Boolean | None = Field(
        default=False, description="Whether it tells the solution."
    )
    author_id: UserRef | None = Field(None, description="The user who wrote it.")
    contact_id: ContactRef | None = Field(
        None, description="The contact who wrote it; not together with author_id."
    )


@action(
    "addTicketCommentByExternalId",
    entity_type="ticket",
    display_name="Add Ticket Comment by External ID",
    description="Add a comment, in a thread of its own, to the ticket that the external id stands "
    "for. A contact's comment that is not internal makes the ticket wait for an answer.",
)
async def add_ticket_comment(ctx: ActionContext, fields: AddTicketComment) -> ActionOutcome:
    """Add a comment to a ticket."""
    if fields.author_id is not None and fields.contact_id is not None:
        return invalid("contact_id", "and author_id are both mapped: a comment has one author")
    tickets = Tickets(ctx.store)
    found = await find_mapped(ctx, "ticket", fields.external_id, tickets.lock)
    if isinstance(found, Reject):
        return found
    if fault := await reference_fault(ctx, fields):
        return fault
    comment = _comment(ctx, fields)
    await tickets.insert_comment(found.entity_id, comment)
    return ActionResult(
        entity_type="ticket",
        entity_id=found.entity_id,
        external_id=fields.external_id,
        message=f"comment added to ticket {found.row['ticket_number']}",
        metadata={"comment_id": str(comment["comment_id"])},
    )


def _comment(ctx: ActionContext, fields: AddTicketComment) -> dict[str, Any]:
    author_type = "contact" if fields.contact_id else "internal" if fields.author_id else "system"
    return {
        "comment_id": uuid7(),
        "thread_id": uuid7(),
        "content": fields.content,
        "is_internal": fields.is_internal is not False,
        "is_resolution": fields.is_resolution is True,
        "author_type": author_type,
        "author_id": fields.author_id,
        "contact_id": fields.contact_id,
        "metadata": {
            "delivery_id": str(ctx.delivery_id),
            "slug": ctx.webhook_slug,
            "external_id": fields.external_id,
        },
    }
