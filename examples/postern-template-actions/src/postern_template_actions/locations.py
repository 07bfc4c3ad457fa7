"""Locations of clients, as a sender names them."""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
from pydantic import Field

from postern.actions import (
    ActionContext,
    ActionFields,
    ActionOutcome,
    ActionResult,
    ClientRef,
    ExternalId,
    Name,
    Reject,
    ShortText,
    Text,
    action,
    reference_fault,
    taken,
)

ENTITY_TYPE = "location"

#: Fields that are columns of the same name.
_COLUMNS = ("client_id", "name", "address", "city", "zip", "country")

_UPSERT = """
insert into psa.locations as l (
    tenant_id, location_id, client_id, name, address, city, zip, country)
values ($1, $2, $4, $5, $6, $7, $8, $9)
on conflict (tenant_id, location_id) do update set
    client_id = excluded.client_id,
    name      = excluded.name,
    address   = case when 'address' = any ($3::text[]) then excluded.address else l.address end,
    city      = case when 'city'    = any ($3::text[]) then excluded.city    else l.city end,
    zip       = case when 'zip'     = any ($3::text[]) then excluded.zip     else l.zip end,
    country   = case when 'country' = any ($3::text[]) then excluded.country else l.country end,
    updated_at = now()
"""


class UpsertLocation(ActionFields):
    """What is known of a location. The catalogue shows these fields with their descriptions."""

    external_id: ExternalId = Field(description="The sender's id of the location.")
    client_id: ClientRef = Field(description="The client whose location it is.")
    name: Name = Field(description="Name; no two locations of a client have the same.")
    address: Text | None = Field(None, description="First line of the address.")
    city: ShortText | None = Field(None, description="City.")
    zip: ShortText | None = Field(None, description="Postal code.")
    country: ShortText | None = Field(None, description="Country.")


@action(
    "upsertLocationByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Upsert Location by External ID",
    description="Create a location of a client, or update the one that the external id stands "
    "for. Fields that the body does not mention keep their values.",
)
async def upsert_location(ctx: ActionContext, fields: UpsertLocation) -> ActionOutcome:
    """Create or update a location; what is written here commits with the delivery, or not."""
    if fault := await reference_fault(ctx, fields):
        return fault  # the client is not this tenant's: the delivery fails with the field's name
    new_id = uuid4()
    # Concurrent deliveries of one external id wait here for each other, and make one location.
    location_id = await ctx.mappings.upsert(
        ctx.external_key(ENTITY_TYPE, fields.external_id),
        entity_id=new_id,
        delivery_id=ctx.delivery_id,
    )
    mentioned = {
        name: getattr(fields, name) for name in _COLUMNS if name in fields.model_fields_set
    }
    if fault := await _write(ctx, fields, location_id, mentioned):
        return fault
    done = "created" if location_id == new_id else "updated"
    await ctx.tell(ENTITY_TYPE, location_id, f"location.{done}", mentioned)
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=location_id,
        external_id=fields.external_id,
        message=f"location {done}",
        metadata={"name": fields.name, "created": done == "created"},
    )


async def _write(
    ctx: ActionContext, fields: UpsertLocation, location_id: UUID, mentioned: dict[str, Any]
) -> Reject | None:
    try:
        await ctx.connection.execute(
            _UPSERT,
            ctx.tenant_id,
            location_id,
            list(mentioned),
            *(getattr(fields, name) for name in _COLUMNS),
        )
    except asyncpg.UniqueViolationError:
        return taken("name", f"is taken: the client has another location {fields.name!r}")
    return None
