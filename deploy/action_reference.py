"""Writes docs/actions.md: every bundled action with its fields, from the models themselves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.actions.bundled import BUNDLED
from worker.actions.registry import Registry

REFERENCE = Path(__file__).parent.parent / "docs" / "actions.md"
_HEADER = """\
# Actions

Written by `make actions` from the models in `worker/actions/`, kept current by a test. The
control API shows the same, with the actions of other packages, at `GET
/api/v1/inbound-webhooks/actions`.

What holds for all of them:

- A field that the webhook does not map, or whose expression finds nothing, is left out: an update
  keeps what is there. Null and an empty text clear a field that may be cleared (*null* below), or
  set it back to its default.
- `external_id` is the sender's own id. What it stands for belongs to the webhook, whatever its
  slug, and to one type of entity: a client and a ticket may have the same one.
- References are looked up before anything is written. What the tenant does not have fails the
  delivery with the code `lookup_miss` and the field; so does an external id that stands for
  nothing, or for what is gone.
- Values that a field cannot have fail with `mapping_failed` and every faulty field; values that
  do not go together with `validation_error`; what another entity has already, such as a client's
  name or an external id, with `conflict`.
- A failure is final and leaves nothing. A success writes the change, its event in `psa.events`
  and the delivery's outcome in one transaction. What is already as wanted is a success without a
  write or an event (tickets, clients, contacts, invoices, tasks and tags) or without an event
  (assets).
- Ticket numbers count per tenant without gaps; a tenant's new tickets therefore commit one after
  the other.
- Times are in ISO 8601; without a zone they are in UTC, and a day alone is its start.
"""


def render() -> str:
    """Return the text of the reference."""
    registry = Registry()
    for module in BUNDLED:
        registry.add_module(module)
    actions = sorted(registry.definitions(), key=lambda item: (item["entity_type"], item["name"]))
    return "\n".join([_HEADER, *map(_section, actions)])


def _section(action: Mapping[str, Any]) -> str:
    rows = "\n".join(map(_row, action["target_fields"]))
    return (
        f"## {action['name']}\n\n{action['description']}\n\n"
        f"| field | type | | description |\n|---|---|---|---|\n{rows}\n"
    )


def _row(field: Mapping[str, Any]) -> str:
    duty = "required" if field["required"] else "null" if field["nullable"] else ""
    return f"| `{field['name']}` | {_type(field)} | {duty} | {field['description']} |"


def _type(field: Mapping[str, Any]) -> str:
    kind = str(field["type"])
    if values := field.get("enum_values"):
        kind = "enum: " + ", ".join(f"`{value}`" for value in values)
    if reference := field.get("ref_entity_type"):
        kind = f"ref: {reference}"
    if form := field.get("format"):
        kind = f"{kind}, {form}"
    if "default" in field:
        default = field["default"]
        kind = (
            f"{kind}, default `{str(default).lower() if isinstance(default, bool) else default}`"
        )
    return kind


def main() -> None:
    """Write the reference."""
    REFERENCE.write_text(render())
    print(f"wrote {REFERENCE}")


if __name__ == "__main__":
    main()
