"""Dry runs of a webhook on a made-up body."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from control_api.access import Services
from control_api.authentication import Caller
from control_api.dry_run import foresee
from control_api.expression_checks import ExpressionsBusy
from shared.errors import Conflict
from shared.ledger.catalog_entries import ActionEntry, CatalogEntries
from shared.ledger.webhooks import Webhooks
from shared.mapping.catalogue import announced_model
from shared.mapping.mapper import Mapper

_Content = dict[str, Any]


async def dry_run(services: Services, caller: Caller, webhook_id: UUID, body: object) -> _Content:
    """Return what a webhook would do with a body; PostgreSQL refuses any write meanwhile.

    Raises:
        NotFound: There is no such webhook.
        Conflict: No worker runs its action.
    """
    async with services.reading(caller) as connection:
        webhook = await Webhooks(connection).get(caller.tenant_id, webhook_id)
        config = webhook.settings.handler_config
        about = {
            "is_dry_run": True,
            "is_active": webhook.settings.is_active,
            "webhook_version": webhook.version,
            "handler_type": webhook.settings.handler_type,
        }
        entries = CatalogEntries(connection)
        if webhook.settings.handler_type == "workflow":
            known = config["workflow"] in {entry.name for entry in await entries.list_workflows()}
            about |= {"workflow": config["workflow"], "action": None, "fields": []}
            return about | workflow_verdict(config["workflow"], is_known=known)
        entry = find_entry(await entries.list_actions(), config["action"])
        if entry is None:
            raise Conflict(f"no worker runs the action {config['action']!r} at present")
        mapper = Mapper(services.evaluator, timeout_seconds=services.expression_timeout_seconds)
        mapped = await mapper.map(
            announced_model(entry.definition["target_fields"]),
            config.get("field_mapping", {}),
            document=body,
            body=orjson.dumps(body),
        )
        if mapped.passing is not None:
            raise ExpressionsBusy(str(mapped.passing))
        return about | {"workflow": None} | await foresee(connection, webhook, entry, mapped)


def find_entry(entries: Sequence[ActionEntry], name: str) -> ActionEntry | None:
    """Return the action of that name; None where no worker runs it."""
    return next((entry for entry in entries if entry.name == name), None)


def workflow_verdict(name: str, *, is_known: bool) -> _Content:
    """Return what comes of a webhook that starts a workflow."""
    return {
        "would": "start" if is_known else "reject",
        "reasons": [] if is_known else [f"unknown_workflow: no worker runs {name!r}"],
        "lookups": [],
    }
