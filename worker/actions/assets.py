"""Asset actions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import orjson
from pydantic import Field

from shared.domain.identifiers import uuid7
from shared.errors import NotFound
from shared.ledger.mappings import ExternalKey, SyncStatus
from shared.psa.assets import Assets, AssetUpsert, AssetValues, UpsertedAsset
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import (
    ActionFields,
    ClientRef,
    ExternalId,
    Json,
    Lookup,
    ShortText,
    Text,
)
from worker.actions.lookup import client_change, entity_miss, find_clients
from worker.actions.registry import ActionOutcome, action
from worker.actions.rmm import RmmSnapshot, read_snapshot
from worker.outcome import Reject

ENTITY_TYPE = "asset"

#: Fields that are columns of the same name.
_PLAIN_COLUMNS = frozenset(
    {"asset_type", "name", "asset_tag", "serial_number", "status", "location"}
)


class UpsertAsset(ActionFields):
    """What is known of an asset under the name that the sender gives it."""

    external_id: Annotated[
        ExternalId,
        Lookup(
            entity_type="asset",
            on_found="update",
            on_missing="create",
            realm_field="external_scope_id",
            on_stale="create",
        ),
    ] = Field(description="The sender's id of the asset.")
    client_id: ClientRef | None = Field(None, description="The client that owns the asset.")
    client_external_id: (
        Annotated[
            ExternalId,
            Lookup(entity_type="client", on_found="use", on_missing="reject", unless="client_id"),
        ]
        | None
    ) = Field(
        None, description="The sender's id of the client; used where client_id is not mapped."
    )
    asset_type: ShortText | None = Field(
        None, description="Such as workstation or server; unknown where it is not known."
    )
    name: ShortText | None = Field(None, description="Display name; at first the external id.")
    asset_tag: ShortText | None = Field(None, description="Inventory tag.")
    serial_number: ShortText | None = Field(None, description="Serial number.")
    status: ShortText | None = Field(None, description="Status; active at first.")
    location: Text | None = Field(None, description="Where the asset is.")
    external_scope_id: ExternalId | None = Field(
        None, description="A scope within the sender in which external_id is unique."
    )
    rmm_snapshot: Json | None = Field(
        None,
        description="An object kept with the asset. Where it names an RMM provider, what it tells "
        "fills the fields that are not mapped.",
    )


async def upsert_assets(
    calls: Sequence[tuple[ActionContext, UpsertAsset]],
) -> list[ActionOutcome]:
    """Create or update assets on one transaction, those of one external id in the order given.

    Concurrent transactions with one external id come one after the other: each first takes its
    mapping, which stays locked until it ends.
    """
    clients = await find_clients(calls)
    plans = [_plan(ctx, fields, clients) for ctx, fields in calls]
    results = iter(await _upsert([plan for plan in plans if isinstance(plan, _Upsert)]))
    return [plan if isinstance(plan, Reject) else next(results) for plan in plans]


@action(
    "upsertAssetByExternalId",
    entity_type=ENTITY_TYPE,
    display_name="Upsert Asset by External ID",
    description="Create an asset, or update the one that the external id stands for. Fields that "
    "the body does not mention keep their values.",
    together=upsert_assets,
)
async def upsert_asset(ctx: ActionContext, fields: UpsertAsset) -> ActionOutcome:
    """Create or update an asset."""
    plan = _plan(ctx, fields, await find_clients([(ctx, fields)]))
    if isinstance(plan, Reject):
        return plan
    try:
        (result,) = await _upsert([plan])
    except NotFound:
        return _client_miss(fields, plan.changes["client_id"])
    return result


@dataclass(frozen=True, slots=True)
class _Upsert:
    """What one delivery wants of an asset."""

    ctx: ActionContext
    key: ExternalKey
    #: By column; None clears or resets one.
    changes: Mapping[str, Any]
    snapshot: RmmSnapshot | None


def _plan(
    ctx: ActionContext, fields: UpsertAsset, clients: Mapping[ExternalKey, UUID]
) -> _Upsert | Reject:
    snapshot = read_snapshot(fields.rmm_snapshot)
    if isinstance(snapshot, Reject):
        return snapshot
    client = client_change(ctx, fields, clients)
    if isinstance(client, Reject):
        return client
    realm = fields.external_scope_id or (snapshot.scope if snapshot else None) or ""
    key = ctx.external_key(ENTITY_TYPE, fields.external_id, realm)
    return _Upsert(ctx, key, {**client, **_changes(fields, snapshot)}, snapshot)


async def _upsert(plans: Sequence[_Upsert]) -> list[ActionResult]:
    """Write assets, those of one external id one after the other.

    Raises:
        NotFound: A client is missing.
    """
    if not plans:
        return []
    asset_ids = await _claim_ids(plans)
    results: list[ActionResult] = []
    for wave in _waves(plans):
        results += await _write(wave, asset_ids)
    return results


async def _claim_ids(plans: Sequence[_Upsert]) -> dict[ExternalKey, UUID]:
    """Return the asset of each external id; all are locked before any asset is, in one order."""
    last = {plan.key: plan for plan in plans}
    told: dict[ExternalKey, SyncStatus] = {
        plan.key: status
        for plan in plans
        if plan.snapshot is not None and (status := plan.snapshot.sync_status) is not None
    }
    # Where a mapping outlived its asset, the asset comes back under the same id.
    asset_ids = await plans[0].ctx.mappings.upsert_all(
        [(key, uuid7(), plan.ctx.delivery_id) for key, plan in last.items()],
        sync_statuses=told,
    )
    return dict(zip(last, asset_ids, strict=True))


def _waves(plans: Sequence[_Upsert]) -> Iterator[list[_Upsert]]:
    """Yield runs of plans in which no external id is named twice."""
    wave: dict[ExternalKey, _Upsert] = {}
    for plan in plans:
        if plan.key in wave:
            yield list(wave.values())
            wave.clear()
        wave[plan.key] = plan
    yield list(wave.values())


async def _write(
    plans: Sequence[_Upsert], asset_ids: Mapping[ExternalKey, UUID]
) -> list[ActionResult]:
    ctx = plans[0].ctx
    upserted = await Assets(ctx.connection, ctx.tenant_id).upsert(
        [
            AssetUpsert(
                asset_id=asset_ids[plan.key],
                values=AssetValues(
                    **{"name": plan.key.external_id, **_without_none(plan.changes)}
                ),
                mentioned=plan.changes.keys(),
                delivery_id=plan.ctx.delivery_id,
            )
            for plan in plans
        ]
    )
    return [
        _result(plan, asset_ids[plan.key], asset)
        for plan, asset in zip(plans, upserted, strict=True)
    ]


def _result(plan: _Upsert, asset_id: UUID, asset: UpsertedAsset) -> ActionResult:
    done = _what_was_done(plan.snapshot, created=asset.created)
    return ActionResult(
        entity_type=ENTITY_TYPE,
        entity_id=asset_id,
        external_id=plan.key.external_id,
        message=f"asset {done.replace('_', ' ')}",
        metadata={"action": done, "rmm": plan.snapshot is not None, "name": asset.name},
    )


def _changes(fields: UpsertAsset, snapshot: RmmSnapshot | None) -> dict[str, Any]:
    """Return the columns that the delivery mentions; None clears or resets one."""
    mapped = {name: getattr(fields, name) for name in fields.model_fields_set & _PLAIN_COLUMNS}
    told = snapshot.columns() if snapshot else {}
    final = snapshot.final_columns() if snapshot else {}
    if "rmm_snapshot" in fields.model_fields_set:
        mapped["rmm_snapshot"] = _json(fields.rmm_snapshot)
    return {**told, **mapped, **final}


def _client_miss(fields: UpsertAsset, client_id: UUID) -> Reject:
    field = "client_external_id" if fields.client_id is None else "client_id"
    return entity_miss(field=field, entity_type="client", entity_id=client_id)


def _what_was_done(snapshot: RmmSnapshot | None, *, created: bool) -> str:
    if snapshot is not None and snapshot.is_gone:
        return "marked_deleted"
    return "created" if created else "updated"


def _without_none(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in changes.items() if value is not None}


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
