"""Finding the entities that a delivery names."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from shared.ledger.mappings import ExternalKey
from shared.mapping.fields import ActionFields, field_types
from shared.psa.references import REFERENCE_TYPES, References
from shared.psa.store import Values
from worker.actions.context import ActionContext
from worker.outcome import Reject


def external_id_miss(
    ctx: ActionContext, *, field: str, entity_type: str, external_id: str
) -> Reject:
    """Return the fault of an external id that stands for nothing in this webhook."""
    return Reject(
        f"lookup_miss: webhook {ctx.webhook_slug} has no {entity_type} with the external id "
        f"{external_id!r}",
        "lookup_miss",
        {
            "field": field,
            "entity_type": entity_type,
            "external_id": external_id,
            "webhook": ctx.webhook_slug,
        },
    )


def entity_miss(*, field: str, entity_type: str, entity_id: UUID) -> Reject:
    """Return the fault of an id that names nothing, or nothing of this tenant."""
    return Reject(
        f"lookup_miss: there is no {entity_type} {entity_id}",
        "lookup_miss",
        {"field": field, "entity_type": entity_type, "entity_id": str(entity_id)},
    )


def stale_mapping(*, entity_type: str, external_id: str, entity_id: UUID) -> Reject:
    """Return the fault of an external id whose entity is gone."""
    return Reject(
        f"lookup_miss: the {entity_type} {entity_id}, for which the external id {external_id!r} "
        "stands, is gone",
        "lookup_miss",
        {
            "field": "external_id",
            "entity_type": entity_type,
            "external_id": external_id,
            "entity_id": str(entity_id),
        },
    )


def invalid(field: str, reason: str) -> Reject:
    """Return the fault of values that do not go together."""
    return Reject(f"{field} {reason}", "validation_error", {"field": field})


def taken(field: str, reason: str) -> Reject:
    """Return the fault of a value that another entity has and only one can have."""
    return Reject(f"{field} {reason}", "conflict", {"field": field})


async def reference_fault(
    ctx: ActionContext,
    fields: ActionFields,
    others: Mapping[str, tuple[str, UUID]] = MappingProxyType({}),
) -> Reject | None:
    """Return the fault of fields that refer to what the tenant does not have, all of them.

    ``others`` are references, type and id by field, that the fields' own types do not tell.
    """
    named = {**_references(fields), **others}
    if not named:
        return None
    missing = await References(ctx.connection).find_missing(ctx.tenant_id, list(named.values()))
    misses = [
        entity_miss(field=field, entity_type=wanted[0], entity_id=wanted[1])
        for field, wanted in named.items()
        if wanted in missing
    ]
    if len(misses) < 2:
        return misses[0] if misses else None
    return Reject(
        "lookup_miss: "
        + "; ".join(f"{miss.details['field']}: {_without_code(miss)}" for miss in misses),
        "lookup_miss",
        {**misses[0].details, "faults": [miss.details for miss in misses]},
    )


def _references(fields: ActionFields) -> dict[str, tuple[str, UUID]]:
    """Return what fields refer to, as far as the field alone says what that is."""
    return {
        name: (kind.ref_entity_type, value)
        for name, kind in field_types(type(fields)).items()
        if kind.ref_entity_type in REFERENCE_TYPES and (value := getattr(fields, name)) is not None
    }


def _without_code(miss: Reject) -> str:
    return miss.reason.removeprefix("lookup_miss: ")


@dataclass(frozen=True, slots=True)
class Found:
    """An entity that an external id stands for, locked until the transaction ends."""

    entity_id: UUID
    row: Values


async def find_mapped(
    ctx: ActionContext,
    entity_type: str,
    external_id: str,
    lock: Callable[[UUID], Awaitable[Values | None]],
) -> Found | Reject:
    """Return the entity that an external id stands for, with its row as ``lock`` returns it."""
    entity_id = await ctx.mappings.find(ctx.external_key(entity_type, external_id))
    if entity_id is None:
        return external_id_miss(
            ctx, field="external_id", entity_type=entity_type, external_id=external_id
        )
    row = await lock(entity_id)
    if row is None:
        return stale_mapping(entity_type=entity_type, external_id=external_id, entity_id=entity_id)
    return Found(entity_id, row)


class ClientFields(Protocol):
    """Fields that may name a client, by its id or by the sender's."""

    client_id: UUID | None
    client_external_id: str | None

    @property
    def model_fields_set(self) -> set[str]:
        """The fields that the delivery mentions."""


async def find_clients(
    calls: Sequence[tuple[ActionContext, ClientFields]],
) -> dict[ExternalKey, UUID]:
    """Return the clients that deliveries of one transaction name by the sender's ids, if known."""
    keys = {key for ctx, fields in calls if (key := _client_key(ctx, fields)) is not None}
    return await calls[0][0].mappings.find_all(keys)


def client_change(
    ctx: ActionContext, fields: ClientFields, clients: Mapping[ExternalKey, UUID]
) -> dict[str, UUID | None] | Reject:
    """Return the client, one of ``find_clients``, as a change.

    It is none where the delivery mentions no client.
    """
    if fields.client_id is not None:
        return {"client_id": fields.client_id}
    key = _client_key(ctx, fields)
    if key is None:
        cleared = bool(fields.model_fields_set & {"client_id", "client_external_id"})
        return {"client_id": None} if cleared else {}
    if key not in clients:
        return external_id_miss(
            ctx,
            field="client_external_id",
            entity_type=key.entity_type,
            external_id=key.external_id,
        )
    return {"client_id": clients[key]}


def _client_key(ctx: ActionContext, fields: ClientFields) -> ExternalKey | None:
    if fields.client_id is not None or fields.client_external_id is None:
        return None
    return ctx.external_key("client", fields.client_external_id)


async def claim_external_id(
    ctx: ActionContext, entity_type: str, external_id: str | None, entity_id: UUID
) -> Reject | None:
    """Let an external id stand for a new entity; return the fault where it stands for another."""
    if external_id is None:
        return None
    mapped = await ctx.mappings.upsert(
        ctx.external_key(entity_type, external_id),
        entity_id=entity_id,
        delivery_id=ctx.delivery_id,
    )
    if mapped == entity_id:
        return None
    return Reject(
        f"external_id {external_id!r} already stands for the {entity_type} {mapped}",
        "conflict",
        {
            "field": "external_id",
            "entity_type": entity_type,
            "external_id": external_id,
            "entity_id": str(mapped),
        },
    )
