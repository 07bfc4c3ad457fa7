"""What a replay would do, beside what became of the delivery: told without doing it.

Deliveries do not keep what their mapping gave. Before is what the configuration that handled the
delivery gives over the same body, by the same code as after; the outcome stands beside it as it
was recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal
from uuid import UUID

import orjson

from control_api.access import Services
from control_api.answers import encoded
from control_api.authentication import Caller
from control_api.dry_run import foresee, shown_fields
from control_api.expression_checks import ExpressionsBusy
from control_api.replayable import check_replayable
from control_api.trials import find_entry, workflow_verdict
from shared.database.pool import Connection
from shared.errors import Conflict, NotFound
from shared.ledger.catalog_entries import ActionEntry, CatalogEntries
from shared.ledger.deliveries import Deliveries, RecordedDelivery
from shared.ledger.webhook_handlers import WebhookHandlers
from shared.ledger.webhooks import StoredWebhook, Webhooks
from shared.mapping.catalogue import announced_model
from shared.mapping.mapper import Mapped, Mapper

_Content = dict[str, Any]

#: Values that are longer as JSON are cut.
_LONGEST_BYTES = 64 * 1024
_LONGEST_BYTES_OF_MANY = 1024
_BEGINNING_BYTES = 200

_MOST = 10
_SECONDS_FOR_MANY = 2.0


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two configurations."""

    #: None: the one that the delivery was accepted under, which has not changed since.
    version: int | None
    handler_type: str
    config: Mapping[str, Any]
    #: None: a workflow, or an action that no worker runs.
    entry: ActionEntry | None

    @property
    def handler(self) -> tuple[str, str]:
        name = "workflow" if self.handler_type == "workflow" else "action"
        return self.handler_type, self.config[name]

    @property
    def is_unknown_action(self) -> bool:
        return self.handler_type != "workflow" and self.entry is None

    @property
    def field_mapping(self) -> Mapping[str, str]:
        mapping: Mapping[str, str] = self.config.get("field_mapping", {})
        return mapping

    def content(self) -> _Content:
        kind, name = self.handler
        return {
            "webhook_version": self.version,
            "handler_type": kind,
            "action": None if kind == "workflow" else name,
            "workflow": name if kind == "workflow" else None,
        }


async def replay_difference(
    services: Services,
    caller: Caller,
    delivery_id: UUID,
    *,
    webhook_id: UUID | None = None,
    longest_bytes: int = _LONGEST_BYTES,
) -> _Content:
    """Return what a replay would do; PostgreSQL refuses any write meanwhile.

    Raises:
        NotFound: There is no such delivery, or its webhook was deleted.
        Conflict: It must not, or could not, be handled.
    """
    async with services.reading(caller) as connection:
        delivery = await Deliveries(connection).get(
            caller.tenant_id, delivery_id, webhook_id=webhook_id
        )
        check_replayable(delivery)
        if delivery.webhook_id is None:
            raise NotFound("the delivery has no webhook")
        webhook = await Webhooks(connection).get(caller.tenant_id, delivery.webhook_id)
        actions = await CatalogEntries(connection).list_actions()
        before = await _before(connection, delivery, webhook, actions)
        settings = webhook.settings
        after = _side(webhook.version, settings.handler_type, settings.handler_config, actions)
        sides = [side for side in (before, after) if side is not None and side.entry is not None]
        mapped = dict(zip(map(id, sides), await _mapped(services, sides, delivery), strict=True))
        verdict = await _verdict(connection, webhook, after, mapped.get(id(after)))
    is_handled = delivery.response_status < 400
    is_known = before is not None and not before.is_unknown_action
    basis = ("configuration" if is_known else "unknown") if is_handled else "not_handled"
    olds = _shown(before, mapped.get(id(before)), longest_bytes)
    news = _shown(after, mapped.get(id(after)), longest_bytes)
    return {
        "is_dry_run": True,
        "delivery_id": delivery.delivery_id,
        "inbound_webhook_id": delivery.webhook_id,
        "received_at": delivery.received_at,
        "dispatch_status": delivery.dispatch_status,
        "outcome": orjson.Fragment(delivery.handler_outcome or "null"),
        "is_active": settings.is_active,
        "is_authentication_checked": False,
        "basis": basis,
        "before": None if before is None else before.content(),
        "after": after.content(),
        "is_handler_changed": None if before is None else before.handler != after.handler,
        "would": verdict["would"],
        "reasons": verdict["reasons"],
        "fields": list(_differences(olds, news, is_known=basis != "unknown")),
        "lookups": verdict["lookups"],
    }


async def newest_differences(
    services: Services, caller: Caller, ids: Sequence[UUID]
) -> list[_Content]:
    """Return what replays of the newest few deliveries would change, in a bounded time.

    Ids are ascending. Fields that stay as they are, and what would be passed over, are left out.
    """
    ends_at = monotonic() + _SECONDS_FOR_MANY
    told = []
    for delivery_id in reversed(ids[-_MOST:]):
        if monotonic() > ends_at:
            break
        try:
            one = await replay_difference(
                services, caller, delivery_id, longest_bytes=_LONGEST_BYTES_OF_MANY
            )
        except (NotFound, Conflict):
            continue
        one["fields"] = [field for field in one["fields"] if field["change"] != "same"]
        told.append(one)
    return told


async def _before(
    connection: Connection,
    delivery: RecordedDelivery,
    webhook: StoredWebhook,
    actions: Sequence[ActionEntry],
) -> _Side | None:
    """Return what handled the delivery; None where nothing did, or it is not known any more."""
    if delivery.response_status >= 400:
        return None
    handlers = WebhookHandlers(connection)
    version = _recorded_version(delivery)
    wanted = version or delivery.webhook_version
    if wanted is None:
        return None
    kept = await handlers.find(webhook.tenant_id, webhook.webhook_id, wanted)
    if kept is None:
        return None
    if version is None:
        # Outcomes did not always name it. It is clear all the same where there was but one since.
        now = await handlers.find(webhook.tenant_id, webhook.webhook_id, webhook.version)
        if now is None or now.since_version != kept.since_version:
            return None
    return _side(version, kept.handler_type, kept.handler_config, actions)


def _recorded_version(delivery: RecordedDelivery) -> int | None:
    outcome = orjson.loads(delivery.handler_outcome or "null")
    version = outcome.get("webhook_version") if isinstance(outcome, dict) else None
    return version if isinstance(version, int) else None


def _side(
    version: int | None,
    handler_type: str,
    config: Mapping[str, Any],
    actions: Sequence[ActionEntry],
) -> _Side:
    entry = None if handler_type == "workflow" else find_entry(actions, config["action"])
    return _Side(version, handler_type, config, entry)


async def _mapped(
    services: Services, sides: Sequence[_Side], delivery: RecordedDelivery
) -> list[Mapped]:
    if not sides:
        return []
    body = delivery.request_body or b""
    mapper = Mapper(services.evaluator, timeout_seconds=services.expression_timeout_seconds)
    entries = {side.entry.name: side.entry for side in sides if side.entry is not None}
    models = {
        name: announced_model(entry.definition["target_fields"]) for name, entry in entries.items()
    }
    mapped = await mapper.map_each(
        [(models[side.handler[1]], side.field_mapping) for side in sides],
        document=orjson.loads(body) if body else None,
        body=body,
    )
    for one in mapped:
        if one.passing is not None:
            raise ExpressionsBusy(str(one.passing))
    return mapped


async def _verdict(
    connection: Connection, webhook: StoredWebhook, after: _Side, mapped: Mapped | None
) -> _Content:
    kind, name = after.handler
    if kind == "workflow":
        workflows = await CatalogEntries(connection).list_workflows()
        is_known = name in {entry.name for entry in workflows}
        return workflow_verdict(name, is_known=is_known)
    if after.entry is None or mapped is None:
        reason = f"unknown_action: no worker runs {name!r}"
        return {"would": "reject", "reasons": [reason], "lookups": []}
    return await foresee(connection, webhook, after.entry, mapped)


def _shown(side: _Side | None, mapped: Mapped | None, longest_bytes: int) -> dict[str, _Content]:
    """Return each field that the side maps or faults."""
    if side is None or side.entry is None or mapped is None:
        return {}
    fields = side.entry.definition["target_fields"]
    return {
        field["field"]: _shown_field(field, longest_bytes)
        for field in shown_fields(fields, side.field_mapping, mapped)
        if field["expression"] is not None or field["fault"] is not None
    }


def _shown_field(field: _Content, longest_bytes: int) -> _Content:
    shown = {name: field[name] for name in ("expression", "is_set", "value", "fault")}
    text = encoded(field["value"])
    is_shortened = len(text) > longest_bytes
    if is_shortened:
        shown["value"] = text[:_BEGINNING_BYTES].decode(errors="ignore")
    return shown | {"is_shortened": is_shortened, "json": text}


def _differences(
    olds: Mapping[str, _Content], news: Mapping[str, _Content], *, is_known: bool
) -> Iterator[_Content]:
    for name in [*news, *(name for name in olds if name not in news)]:
        old, new = olds.get(name), news.get(name)
        yield {
            "field": name,
            "change": _change(old, new) if is_known else "unknown",
            "before": _without_json(old),
            "after": _without_json(new),
        }


def _change(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Literal["same", "changed", "added", "removed"]:
    was_set = old is not None and old["is_set"]
    is_set = new is not None and new["is_set"]
    if was_set != is_set:
        return "added" if is_set else "removed"
    return "same" if _told(old) == _told(new) else "changed"


def _told(side: Mapping[str, Any] | None) -> tuple[object, object]:
    """Return what a side comes to, whatever its expression: no field is as one left unset."""
    if side is None:
        return None, None
    return (side["json"] if side["is_set"] else None), side["fault"]


def _without_json(side: _Content | None) -> _Content | None:
    return None if side is None else {key: value for key, value in side.items() if key != "json"}
