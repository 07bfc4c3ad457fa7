"""Client actions."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from shared.domain.identifiers import uuid7
from shared.errors import Conflict
from shared.psa.clients import CLIENT_DEFAULTS, Clients
from worker.actions.changes import differing, given, merged, oversize
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import (
    ActionFields,
    Boolean,
    ExternalId,
    JsonObject,
    Lookup,
    Name,
    Prose,
    ShortText,
    Text,
)
from worker.actions.lookup import find_mapped, stale_mapping, taken
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject

ENTITY_TYPE = "client"


def _currency(value: str) -> str:
    code = value.upper()
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise ValueError("must be a code of three letters, such as EUR")
    return code


class UpsertClient(ActionFields):
    """What is known of a client under the name that the sender gives it."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="client", on_found="update", on_missing="create")
    ] = Field(description="The sender's id of the client.")
    client_name: Name = Field(description="Display name; no two clients have the same.")
    client_type: Literal["company", "individual"] | None = Field(
        None, description="What it is; company at first."
    )
    url: Text | None = Field(None, description="Web site.")
    phone_no: ShortText | None = Field(None, description="Phone number.")
    email: ShortText | None = Field(None, description="Email address.")
    address: Text | None = Field(None, description="First line of the address.")
    address_2: Text | None = Field(None, description="Second line of the address.")
    city: ShortText | None = Field(None, description="City.")
    state: ShortText | None = Field(None, description="State or province.")
    zip: ShortText | None = Field(None, description="Postal code.")
    country: ShortText | None = Field(None, description="Country.")
    default_currency_code: Annotated[ShortText, AfterValidator(_currency)] | None = Field(
        None, description="Currency of its invoices, such as EUR."
    )
    notes: Prose | None = Field(None, description="Notes.")
    is_inactive: Boolean | None = Field(None, description="Whether it is inactive; not at first.")
    properties: JsonObject | None = Field(
        None,
        description="An object merged into what is kept with the client (RFC 7396: null removes a "
        "member). The external id is kept there too.",
    )


@action(
    "upsertClientByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Upsert Client by External ID",
    description="Create a client, or update the one that the external id stands for. Fields that "
    "the body does not mention keep their values. A new client gets a default billing profile, "
    "and the tenant's default tax settings and contract.",
)
async def upsert_client(ctx: ActionContext, fields: UpsertClient) -> ActionOutcome:
    """Create or update a client."""
    new_id = uuid7()
    client_id = await ctx.mappings.upsert(
        ctx.external_key(ENTITY_TYPE, fields.external_id),
        entity_id=new_id,
        delivery_id=ctx.delivery_id,
    )
    wanted = {**given(fields, CLIENT_DEFAULTS), "name": fields.client_name}
    is_new = client_id == new_id
    write = _insert if is_new else _update
    try:
        fault = await write(ctx, fields, client_id, wanted)
    except Conflict as conflict:
        return taken("client_name", f"is taken: {conflict}")
    if fault:
        return fault
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=client_id,
        external_id=fields.external_id,
        message="client created" if is_new else "client updated",
        metadata={"client_name": fields.client_name, "created": is_new},
    )


async def _insert(
    ctx: ActionContext, fields: UpsertClient, client_id: UUID, wanted: dict[str, Any]
) -> None:
    properties = merged(None, fields.properties) | {"external_id": fields.external_id}
    client = {**CLIENT_DEFAULTS, **wanted, "properties": properties}
    await Clients(ctx.store).insert(client_id, client)


async def _update(
    ctx: ActionContext, fields: UpsertClient, client_id: UUID, wanted: dict[str, Any]
) -> Reject | None:
    clients = Clients(ctx.store)
    row = await clients.lock(client_id)
    if row is None:
        return stale_mapping(
            entity_type=ENTITY_TYPE, external_id=fields.external_id, entity_id=client_id
        )
    patch = fields.properties if "properties" in fields.model_fields_set else {}
    properties = merged(row["properties"], patch) | {"external_id": fields.external_id}
    if fault := oversize("properties", properties):
        return fault
    changes = differing(row, wanted)
    if properties != merged(row["properties"], {}):
        changes["properties"] = properties
    if changes:
        await clients.update(client_id, changes, event_name="client.updated")
    return None


class SetClientActive(ActionFields):
    """Whether a client is active."""

    external_id: Annotated[
        ExternalId, Lookup(entity_type="client", on_found="update", on_missing="reject")
    ] = Field(description="The sender's id of the client.")
    active: Boolean = Field(description="Whether it is active from now on.")


@action(
    "setClientActiveByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Set Client Active by External ID",
    description="Make the client that the external id stands for active or inactive.",
)
async def set_client_active(ctx: ActionContext, fields: SetClientActive) -> ActionOutcome:
    """Make a client active or inactive; what it is already is no change."""
    clients = Clients(ctx.store)
    found = await find_mapped(ctx, ENTITY_TYPE, fields.external_id, clients.lock)
    if isinstance(found, Reject):
        return found
    changes = differing(found.row, {"is_inactive": not fields.active})
    if changes:
        await clients.update(found.entity_id, changes, event_name="client.status_changed")
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=found.entity_id,
        external_id=fields.external_id,
        message="client is " + ("active" if fields.active else "inactive"),
        metadata={"active": fields.active, "status_changed": bool(changes)},
    )
