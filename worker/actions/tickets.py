"""Ticket actions."""

from typing import Annotated, Any

from pydantic import Field

from shared.domain.identifiers import uuid7
from shared.psa.store import Values
from shared.psa.tickets import TICKET_DEFAULTS, Placement, Tickets
from worker.actions.changes import differing, given, merged, oversize, stamp
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import (
    ActionFields,
    AssetRef,
    BoardRef,
    CategoryRef,
    ClientRef,
    ContactRef,
    ExternalId,
    JsonObject,
    LocationRef,
    Lookup,
    Moment,
    Name,
    Prose,
    SubcategoryRef,
    TeamRef,
    TicketPriorityRef,
    TicketStatusRef,
    UserRef,
    unclearable,
)
from worker.actions.lookup import (
    Found,
    claim_external_id,
    find_mapped,
    invalid,
    reference_fault,
)
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject

ENTITY_TYPE = "ticket"

#: Columns whose values have to go together.
_PLACED = {
    "board_id",
    "status_id",
    "client_id",
    "location_id",
    "category_id",
    "subcategory_id",
}


class _TicketFields(ActionFields):
    title: Name = unclearable("Title.")
    description: Prose | None = Field(None, description="What it is about.")
    client_id: ClientRef = unclearable("The client that it is for.")
    board_id: BoardRef = unclearable("The board that it is on.")
    status_id: TicketStatusRef = unclearable("Its status, one of its board.")
    priority_id: TicketPriorityRef = unclearable("Its priority.")
    assigned_to: UserRef | None = Field(None, description="The user who works on it.")
    assigned_team_id: TeamRef | None = Field(None, description="The team that works on it.")
    category_id: CategoryRef | None = Field(None, description="Its category.")
    subcategory_id: SubcategoryRef | None = Field(
        None, description="Its subcategory; one of its category, where it has both."
    )
    contact_id: ContactRef | None = Field(None, description="The contact who asked for it.")
    location_id: LocationRef | None = Field(None, description="A location of its client.")
    due_date: Moment | None = Field(
        None, description="When it is due, in ISO 8601; UTC where no zone is told."
    )
    attributes: JsonObject | None = Field(
        None,
        description="An object merged into what is kept with the ticket (RFC 7396: null removes a "
        "member). The delivery that last changed the ticket is noted there as inbound_webhook.",
    )


class CreateTicket(_TicketFields):
    """A new ticket."""

    title: Name = Field(description="Title.")
    client_id: ClientRef = Field(description="The client that it is for.")
    board_id: BoardRef = Field(description="The board that it is on.")
    status_id: TicketStatusRef | None = Field(  # type: ignore[assignment] # here null says: choose
        None, description="Its status; at first the default one of its board, or else the first."
    )
    priority_id: TicketPriorityRef = Field(description="Its priority.")
    asset_id: AssetRef | None = Field(None, description="An asset that is affected.")
    external_id: (
        Annotated[ExternalId, Lookup(entity_type="ticket", on_found="reject", on_missing="create")]
        | None
    ) = Field(None, description="The sender's id of the ticket, by which other actions find it.")


class UpdateTicket(_TicketFields):
    """What changes of a ticket."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="ticket", on_found="update", on_missing="reject")
    ] = Field(description="The sender's id of the ticket.")


@action(
    "createTicket",
    entity_type=ENTITY_TYPE,
    display_name="Create Ticket",
    description="Create a ticket under the tenant's next number, with its location's default "
    "billing profile and the items of all checklist templates that match it. An external id that "
    "already stands for a ticket is a conflict.",
)
async def create_ticket(ctx: ActionContext, fields: CreateTicket) -> ActionOutcome:
    """Create a ticket."""
    ticket_id = uuid7()
    fault = await claim_external_id(ctx, ENTITY_TYPE, fields.external_id, ticket_id)
    if fault := fault or await reference_fault(ctx, fields):
        return fault
    ticket = {**TICKET_DEFAULTS, **given(fields, TICKET_DEFAULTS)}
    tickets = Tickets(ctx.store)
    placement = await tickets.find_placement(ticket)
    ticket["status_id"] = ticket["status_id"] or placement.default_status_id
    if fault := _placement_fault(ticket, placement):
        return fault
    ticket["attributes"] = merged(None, fields.attributes) | stamp(ctx)
    ticket["billing_profile_id"] = placement.billing_profile_id
    if placement.checklist_template_ids:
        ticket["checklist_template_ids"] = list(placement.checklist_template_ids)
    number = await tickets.insert(ticket_id, {**ticket, "asset_id": fields.asset_id})
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=ticket_id,
        external_id=fields.external_id,
        message=f"ticket {number} created",
        metadata={"ticket_number": number},
    )


@action(
    "updateTicketByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Update Ticket by External ID",
    description="Change the ticket that the external id stands for. Fields that the body does "
    "not mention keep their values. Another board needs a status of that board.",
)
async def update_ticket(ctx: ActionContext, fields: UpdateTicket) -> ActionOutcome:
    """Change what is mentioned of a ticket."""
    found = await _find_ticket(ctx, fields.external_id)
    if isinstance(found, Reject):
        return found
    wanted = differing(found.row, given(fields, TICKET_DEFAULTS))
    fault = await reference_fault(ctx, fields) or await _move_fault(ctx, found.row, wanted)
    if fault:
        return fault
    wanted |= await _billing_change(ctx, found.row, wanted)
    attributes = _attributes(found.row, fields)
    if fault := oversize("attributes", attributes):
        return fault
    await _update(ctx, found, wanted, attributes=attributes, event_name="ticket.updated")
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=found.entity_id,
        external_id=fields.external_id,
        message=f"ticket {found.row['ticket_number']} updated",
        metadata={"updated_fields": sorted(fields.model_fields_set - {"external_id"})},
    )


class ChangeTicketStatus(ActionFields):
    """A ticket's next status."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="ticket", on_found="update", on_missing="reject")
    ] = Field(description="The sender's id of the ticket.")
    status_id: TicketStatusRef = Field(description="Its status, one of its board.")
    board_id: BoardRef | None = Field(
        None, description="The board that it moves to; where not mapped, it stays on its own."
    )


@action(
    "changeTicketStatusByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Change Ticket Status by External ID",
    description="Give the ticket that the external id stands for another status, and another "
    "board where one is mapped.",
)
async def change_ticket_status(ctx: ActionContext, fields: ChangeTicketStatus) -> ActionOutcome:
    """Change a ticket's status."""
    found = await _find_ticket(ctx, fields.external_id)
    if isinstance(found, Reject):
        return found
    board_id = fields.board_id or found.row["board_id"]
    wanted = differing(found.row, {"status_id": fields.status_id, "board_id": board_id})
    fault = await reference_fault(ctx, fields) or await _move_fault(ctx, found.row, wanted)
    if fault:
        return fault
    await _update(
        ctx,
        found,
        wanted,
        attributes=merged(found.row["attributes"], {}),
        event_name="ticket.status_changed",
    )
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=found.entity_id,
        external_id=fields.external_id,
        message=f"ticket {found.row['ticket_number']} has the status",
        metadata={"status_id": str(fields.status_id)},
    )


async def _find_ticket(ctx: ActionContext, external_id: str) -> Found | Reject:
    return await find_mapped(ctx, ENTITY_TYPE, external_id, Tickets(ctx.store).lock)


async def _move_fault(ctx: ActionContext, row: Values, wanted: Values) -> Reject | None:
    """Return the fault of changes that do not go with each other or with what stays."""
    if "board_id" in wanted and "status_id" not in wanted:
        return invalid("status_id", f"is needed: the board {wanted['board_id']} has its own")
    if _PLACED.isdisjoint(wanted):
        return None
    ticket = {**row, **wanted}
    return _placement_fault(ticket, await Tickets(ctx.store).find_placement(ticket))


async def _billing_change(ctx: ActionContext, row: Values, wanted: Values) -> dict[str, Any]:
    """Return what changes of the billing of a ticket: with its client goes the billing profile."""
    if "client_id" not in wanted:
        return {}
    placement = await Tickets(ctx.store).find_placement({**row, **wanted})
    return differing(row, {"billing_profile_id": placement.billing_profile_id})


def _placement_fault(ticket: Values, placement: Placement) -> Reject | None:
    """Return the fault of a ticket whose status, location or subcategory is another's."""
    board_id, status_id = ticket["board_id"], ticket["status_id"]
    if status_id is None:
        return invalid("status_id", f"is needed: the board {board_id} has no statuses")
    if placement.status_board_id not in {None, board_id}:
        return invalid("status_id", f"{status_id} is no status of the board {board_id}")
    if placement.location_client_id not in {None, ticket["client_id"]}:
        return invalid(
            "location_id",
            f"{ticket['location_id']} is no location of the client {ticket['client_id']}",
        )
    if ticket["category_id"] and placement.parent_category_id not in {None, ticket["category_id"]}:
        return invalid(
            "subcategory_id",
            f"{ticket['subcategory_id']} is no subcategory of {ticket['category_id']}",
        )
    return None


def _attributes(row: Values, fields: UpdateTicket) -> dict[str, Any]:
    """Return a ticket's attributes as the delivery leaves them."""
    mentioned = "attributes" in fields.model_fields_set
    return merged(row["attributes"], fields.attributes if mentioned else {})


async def _update(
    ctx: ActionContext,
    found: Found,
    changes: dict[str, Any],
    *,
    attributes: dict[str, Any],
    event_name: str,
) -> None:
    """Write changes where there are any; what is as wanted leaves no event."""
    if not changes and attributes == merged(found.row["attributes"], {}):
        return
    stamped = {**changes, "attributes": attributes | stamp(ctx)}
    await Tickets(ctx.store).update(found.entity_id, stamped, event_name=event_name)
