"""What kind of event a request tells of, as its sender names it: read from what is recorded."""

from collections.abc import Mapping

import orjson

from shared.domain.delivery import parse_header_block

#: Only bodies up to this size are looked into, here and by searches.
SMALL_BODY_BYTES = 16 * 1024

#: Headers that name the kind of event, the first that a request has counts. Names in lower case.
_HEADERS = (
    "x-github-event",
    "x-gitlab-event",
    "x-gitea-event",
    "x-gogs-event",
    "x-event-key",  # Bitbucket
    "x-shopify-topic",
    "x-wc-webhook-topic",  # WooCommerce
    "ce-type",  # CloudEvents in binary mode
    "x-event-type",
    "x-webhook-event",
    "x-event",
)
#: Members at the top of the body that name it, where no header does.
_MEMBERS = ("type", "event_type", "eventType", "event", "event_name", "eventName", "topic")
_LONGEST = 255


def event_type_of(header_block: bytes, body: bytes | None) -> str | None:
    """Return the kind of event, or None where the request does not tell.

    Headers go before the body; of the body only a small one is read, see ``SMALL_BODY_BYTES``.
    """
    headers = dict(parse_header_block(header_block))
    for name in _HEADERS:
        if value := headers.get(name):
            return value[:_LONGEST]
    if not body or len(body) > SMALL_BODY_BYTES:
        return None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return _named_in(document) if isinstance(document, dict) else None


def _named_in(document: Mapping[str, object]) -> str | None:
    for name in _MEMBERS:
        value = document.get(name)
        if isinstance(value, str) and value:
            return value[:_LONGEST]
    return None
