"""What a delivery changes of a row, as columns; pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from shared.psa.store import Values
from worker.actions.context import ActionContext
from worker.actions.fields import MAX_JSON_BYTES, ActionFields
from worker.actions.lookup import invalid
from worker.outcome import Reject


def given(fields: ActionFields, defaults: Values) -> dict[str, Any]:
    """Return the columns that the delivery mentions; null stands for what a new row has."""
    mentioned = {name: getattr(fields, name) for name in fields.model_fields_set & defaults.keys()}
    return {name: defaults[name] if value is None else value for name, value in mentioned.items()}


def differing(row: Values, wanted: Values) -> dict[str, Any]:
    """Return the columns whose wanted value is not the present one."""
    return {name: value for name, value in wanted.items() if row[name] != value}


def merged(text: str | None, patch: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a document, given as JSON text, after a patch; None empties it.

    A member that is null in the patch is removed, an object is merged with the object there.
    Source: RFC 7396, https://www.rfc-editor.org/rfc/rfc7396
    """
    return {} if patch is None else _patched(orjson.loads(text or "{}"), patch)


def oversize(field: str, document: Mapping[str, Any]) -> Reject | None:
    """Return the fault of a document that has grown too large by merging."""
    size = len(orjson.dumps(document))
    if size <= MAX_JSON_BYTES:
        return None
    return invalid(field, f"would grow to {size} bytes of JSON, more than {MAX_JSON_BYTES}")


def _patched(document: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = _patched(result.get(name), value)
        else:
            result[name] = value
    return result


def stamp(ctx: ActionContext) -> dict[str, Any]:
    """Return the member that tells in a document which delivery last changed its entity."""
    return {"inbound_webhook": {"delivery_id": str(ctx.delivery_id), "slug": ctx.webhook_slug}}
