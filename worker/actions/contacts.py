"""Contact actions."""

import re
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from shared.domain.identifiers import uuid7
from shared.errors import Conflict
from shared.psa.contacts import CONTACT_DEFAULTS, Contacts
from worker.actions.changes import differing, given
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import (
    ActionFields,
    Boolean,
    ClientRef,
    ExternalId,
    Lookup,
    Name,
    Prose,
    ShortText,
)
from worker.actions.lookup import (
    client_change,
    find_clients,
    invalid,
    reference_fault,
    stale_mapping,
    taken,
)
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject

ENTITY_TYPE = "contact"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("must be an email address")
    return value.lower()


class UpsertContact(ActionFields):
    """What is known of a contact under the name that the sender gives it."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="contact", on_found="update", on_missing="create")
    ] = Field(description="The sender's id of the contact.")
    full_name: Name = Field(description="Full name.")
    email: Annotated[Name, AfterValidator(_address)] = Field(
        description="Email address, kept in lower case; no two contacts have the same."
    )
    client_id: ClientRef | None = Field(
        None, description="The client; a new contact needs it or client_external_id."
    )
    client_external_id: (
        Annotated[
            ExternalId,
            Lookup(entity_type="client", on_found="use", on_missing="reject", unless="client_id"),
        ]
        | None
    ) = Field(
        None, description="The sender's id of the client; used where client_id is not mapped."
    )
    role: ShortText | None = Field(None, description="What the contact does.")
    notes: Prose | None = Field(None, description="Notes.")
    phone: ShortText | None = Field(None, description="Phone number at work.")
    is_inactive: Boolean | None = Field(None, description="Whether inactive; not at first.")


@action(
    "upsertContactByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Upsert Contact by External ID",
    description="Create a contact of a client, or update the one that the external id stands for. "
    "Fields that the body does not mention keep their values.",
)
async def upsert_contact(ctx: ActionContext, fields: UpsertContact) -> ActionOutcome:
    """Create or update a contact."""
    wanted = await _wanted(ctx, fields)
    if isinstance(wanted, Reject):
        return wanted
    new_id = uuid7()
    contact_id = await ctx.mappings.upsert(
        ctx.external_key(ENTITY_TYPE, fields.external_id),
        entity_id=new_id,
        delivery_id=ctx.delivery_id,
    )
    is_new = contact_id == new_id
    write = _insert if is_new else _update
    try:
        client_id = await write(ctx, fields.external_id, contact_id, wanted)
    except Conflict as conflict:
        return taken("email", f"is taken: {conflict}")
    if isinstance(client_id, Reject):
        return client_id
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=contact_id,
        external_id=fields.external_id,
        message="contact created" if is_new else "contact updated",
        metadata={"email": fields.email, "client_id": str(client_id), "created": is_new},
    )


async def _wanted(ctx: ActionContext, fields: UpsertContact) -> dict[str, Any] | Reject:
    """Return the columns that the delivery mentions."""
    client = client_change(ctx, fields, await find_clients([(ctx, fields)]))
    if isinstance(client, Reject):
        return client
    if "client_id" in client and client["client_id"] is None:
        return invalid("client_id", "cannot be cleared: a contact is always a client's")
    if fault := await reference_fault(ctx, fields):
        return fault
    return {**given(fields, CONTACT_DEFAULTS), **client}


async def _insert(
    ctx: ActionContext, external_id: str, contact_id: UUID, wanted: dict[str, Any]
) -> UUID | Reject:
    """Insert a contact; return its client."""
    if "client_id" not in wanted:
        return Reject(
            f"client_id or client_external_id is needed: the contact {external_id!r} is new",
            "validation_error",
            {"field": "client_id", "alternative": "client_external_id"},
        )
    await Contacts(ctx.store).insert(contact_id, {**CONTACT_DEFAULTS, **wanted})
    client_id: UUID = wanted["client_id"]
    return client_id


async def _update(
    ctx: ActionContext, external_id: str, contact_id: UUID, wanted: dict[str, Any]
) -> UUID | Reject:
    """Change what differs of a contact; return its client."""
    contacts = Contacts(ctx.store)
    row = await contacts.lock(contact_id)
    if row is None:
        return stale_mapping(
            entity_type=ENTITY_TYPE, external_id=external_id, entity_id=contact_id
        )
    changes = differing(row, wanted)
    if changes:
        await contacts.update(contact_id, changes)
    client_id: UUID = {**row, **changes}["client_id"]
    return client_id
