"""One JSON document of all webhooks, without secrets: it can live in version control."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from control_api.expression_checks import ExpressionChecks
from control_api.faults import field_path, summary
from control_api.webhook_input import Catalogue, WebhookInput, parse_webhook
from shared.errors import Fault, InvalidInput
from shared.ledger.webhooks import StoredWebhook

FORMAT = "postern.webhooks/1"
MAX_WEBHOOKS = 10_000
#: More would be no help to anybody.
_MAX_FAULTS = 1000
_SECRETS = ("secret", "token")


@dataclass(frozen=True, slots=True)
class Entry:
    """One webhook of a document."""

    slug: str
    wanted: WebhookInput


def document_of(webhooks: Sequence[StoredWebhook]) -> bytes:
    """Return the document of webhooks: sorted by slug and by key, so that a change shows alone."""
    content = {
        "format": FORMAT,
        "webhooks": [
            asdict(webhook.settings)
            for webhook in sorted(webhooks, key=lambda webhook: webhook.settings.slug)
        ],
    }
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(content, option=options)


async def parse_document(
    raw: object, catalogue: Catalogue, checks: ExpressionChecks
) -> list[Entry]:
    """Return what a document says.

    Raises:
        InvalidInput: With every fault, each with its path, such as ``webhooks[3].auth_config``.
    """
    faults: list[Fault] = []
    webhooks = _webhooks(raw, faults)
    checked = await checks.check(webhooks)
    entries: list[Entry] = []
    for number, webhook in enumerate(webhooks):
        place = f"webhooks[{number}]"
        secrets = list(_secrets(webhook, place))
        faults += secrets
        try:
            wanted = parse_webhook(webhook, catalogue, checked, demands_secret=False)
        except InvalidInput as error:
            faults += [_placed(fault, place) for fault in error.faults]
        else:
            entries.append(Entry(wanted.settings.slug, wanted))
    faults += _repetitions(webhooks)
    if faults:
        raise InvalidInput(summary(faults), faults=faults[:_MAX_FAULTS])
    return entries


def _webhooks(raw: object, faults: list[Fault]) -> list[Any]:
    if not isinstance(raw, dict):
        faults.append(Fault("", "type", "The document must be an object"))
        return []
    faults += [
        Fault(str(name), "unknown_field", "A document has format and webhooks alone")
        for name in sorted(raw.keys() - {"format", "webhooks"})
    ]
    if raw.get("format") != FORMAT:
        faults.append(Fault("format", "one_of", f"The format must be {FORMAT}"))
    webhooks = raw.get("webhooks")
    if not isinstance(webhooks, list):
        faults.append(Fault("webhooks", "type", "The webhooks must be an array"))
        return []
    if len(webhooks) > MAX_WEBHOOKS:
        faults.append(Fault("webhooks", "max_length", f"At most {MAX_WEBHOOKS} webhooks"))
        return []
    return webhooks


def _secrets(webhook: object, place: str) -> Iterator[Fault]:
    config = webhook.get("auth_config") if isinstance(webhook, dict) else None
    for name in _SECRETS:
        if isinstance(config, dict) and config.get(name) is not None:
            yield Fault(
                f"{place}.auth_config.{name}",
                "no_secret",
                "Documents hold no secrets: leave it out, and set it with PATCH",
            )


def _repetitions(webhooks: Sequence[object]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for number, webhook in enumerate(webhooks):
        slug = webhook.get("slug") if isinstance(webhook, Mapping) else None
        if not isinstance(slug, str):
            continue
        first = seen.setdefault(slug.strip(), number)
        if first != number:
            message = f"webhooks[{first}] has this slug already"
            yield Fault(f"webhooks[{number}].slug", "unique", message, slug[:200])


def _placed(fault: Fault, place: str) -> Fault:
    return Fault(field_path(place, fault.field), fault.rule, fault.message, fault.value)
