"""What a webhook would do with a body, found out without doing it: nothing is written.

Mappings are filled by the code that workers fill them with. What the action looks up and does is
what its fields declare in the catalogue, so that this holds for actions of other packages as well;
rules that only the action's own code knows, such as which values go together, are not foreseen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from uuid import UUID

from control_api.json_types import type_of
from shared.database.pool import Connection
from shared.errors import ExpressionError
from shared.expressions.plain import MISSING
from shared.ledger.catalog_entries import ActionEntry
from shared.ledger.mappings import ExternalKey, Mappings
from shared.ledger.webhooks import StoredWebhook
from shared.mapping.catalogue import TargetField
from shared.mapping.filling import MappingFault
from shared.mapping.mapper import Mapped
from shared.psa.references import REFERENCE_TYPES, References

Verdict = Literal["create", "update", "run", "start", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """One entity that the action would look up."""

    field: str
    kind: Literal["external_id", "reference"]
    entity_type: str
    external_id: str | None = None
    realm: str | None = None
    entity_id: UUID | None = None
    entity_name: str | None = None
    #: None: this program does not know entities of the type.
    is_found: bool | None = None
    #: What the action does with what is, or is not, there.
    then: str = "use"


async def foresee(
    connection: Connection,
    webhook: StoredWebhook,
    entry: ActionEntry,
    mapped: Mapped,
) -> dict[str, Any]:
    """Return what an action would do with a filled mapping, as the connection sees it."""
    fields: Sequence[TargetField] = entry.definition["target_fields"]
    values = {name: value for name, value in mapped.filling.values().items() if value is not None}
    lookups = {field["name"]: field["lookup"] for field in fields if "lookup" in field}
    sought = [
        *await _senders_ids(connection, webhook, lookups, values),
        *_references(fields, values),
    ]
    sought = await _named(connection, webhook.tenant_id, sought, lookups)
    faults = mapped.filling.faults
    expressions = webhook.settings.handler_config.get("field_mapping", {})
    return {
        "action": entry.name,
        "would": _verdict(faults, sought, lookups),
        "reasons": list(_reasons(faults, sought)),
        "fields": list(shown_fields(fields, expressions, mapped)),
        "lookups": [asdict(item) for item in sought],
    }


async def _senders_ids(
    connection: Connection,
    webhook: StoredWebhook,
    lookups: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, object],
) -> list[Sought]:
    mappings = Mappings(connection)
    sought = []
    for name, lookup in lookups.items():
        if name not in values or lookup.get("unless") in values:
            continue
        entity_type = lookup.get("entity_type") or values.get(lookup.get("entity_type_field", ""))
        if entity_type is None:
            continue
        realm = str(values.get(lookup.get("realm_field", ""), ""))
        external_id = str(values[name])
        key = ExternalKey(
            webhook.tenant_id, webhook.webhook_id, str(entity_type), external_id, realm
        )
        entity_id = await mappings.find(key)
        sought.append(
            Sought(
                field=name,
                kind="external_id",
                entity_type=str(entity_type),
                external_id=external_id,
                realm=realm or None,
                entity_id=entity_id,
                then=lookup["on_missing" if entity_id is None else "on_found"],
            )
        )
    return sought


def _references(fields: Sequence[TargetField], values: Mapping[str, object]) -> Iterator[Sought]:
    for field in fields:
        entity_id = values.get(field["name"])
        if field["type"] == "ref" and isinstance(entity_id, UUID):
            yield Sought(
                field=field["name"],
                kind="reference",
                entity_type=field.get("ref_entity_type", ""),
                entity_id=entity_id,
            )


async def _named(
    connection: Connection,
    tenant_id: UUID,
    sought: Sequence[Sought],
    lookups: Mapping[str, Mapping[str, Any]],
) -> list[Sought]:
    """Return what is sought with the names of what is there."""
    known = [
        (item.entity_type, item.entity_id)
        for item in sought
        if item.entity_id is not None and item.entity_type in REFERENCE_TYPES
    ]
    found = await References(connection).find_names(tenant_id, known) if known else []
    names = dict(zip(known, found, strict=True))
    return [_judged(item, names, lookups.get(item.field, {})) for item in sought]


def _judged(
    item: Sought,
    names: Mapping[tuple[str, UUID], str | None],
    lookup: Mapping[str, Any],
) -> Sought:
    if item.entity_id is None:
        return replace(item, is_found=False)
    key = (item.entity_type, item.entity_id)
    if key not in names:
        # An external id is in the mappings; what it stands for is nothing that the store knows.
        return replace(item, is_found=True if item.kind == "external_id" else None)
    if (name := names[key]) is None:
        return replace(item, is_found=False, then=lookup.get("on_stale", "reject"))
    return replace(item, is_found=True, entity_name=name)


def _verdict(
    faults: Sequence[MappingFault],
    sought: Sequence[Sought],
    lookups: Mapping[str, Mapping[str, Any]],
) -> Verdict:
    if faults or any(item.then == "reject" for item in sought):
        return "reject"
    subjects = [item.then for item in sought if item.then != "use"]
    if "update" in subjects:
        return "update"
    # Where no external id is given, what could have been found by one is new.
    creates = any(lookup["on_missing"] == "create" for lookup in lookups.values())
    return "create" if creates else "run"


def _reasons(faults: Sequence[MappingFault], sought: Sequence[Sought]) -> Iterator[str]:
    yield from (f"mapping_failed: {fault.field} {fault.reason}" for fault in faults)
    for item in sought:
        if item.then != "reject":
            continue
        if item.is_found:
            yield f"conflict: {item.external_id!r} already stands for a {item.entity_type}"
        elif item.kind == "external_id":
            yield f"lookup_miss: no {item.entity_type} has the external id {item.external_id!r}"
        else:
            yield f"lookup_miss: there is no {item.entity_type} {item.entity_id}"


def shown_fields(
    fields: Sequence[TargetField], expressions: Mapping[str, str], mapped: Mapped
) -> Iterator[dict[str, Any]]:
    """Yield each target field with its expression, what that found, the value and its fault."""
    values = mapped.filling.values()
    faults = {fault.field: fault for fault in mapped.filling.faults}
    for field in fields:
        name = field["name"]
        found = mapped.results.get(name, MISSING)
        value = values.get(name, None if isinstance(found, ExpressionError) else found)
        yield {
            "field": name,
            "type": field["type"],
            "is_required": field["required"],
            "expression": expressions.get(name),
            "is_set": name in values,
            "value": None if value is MISSING else value,
            "found_type": None if isinstance(found, ExpressionError) else type_of(found),
            "fault": faults[name].details() if name in faults else None,
        }
