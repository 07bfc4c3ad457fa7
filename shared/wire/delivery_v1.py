"""Version 1 of a delivery as a Kafka record.

The key is the ordering key, the value the exact body. Two record headers carry the rest: the
facts as JSON, and the request's filtered header block as it is.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId
from shared.errors import DecodeError

#: A larger body does not travel: it waits in the ledger.
MAX_BODY_BYTES = 256 * 1024
#: Gateways take no larger one: it travels beside the largest body.
MAX_HEADER_BLOCK_BYTES = 192 * 1024
#: More than any record has: a body that travels, the header block and the facts.
LARGEST_RECORD_BYTES = 512 * 1024

_VERSION = 1
_FACTS = "postern-delivery"
_HEADER_BLOCK = "postern-headers"
_MAX_ATTEMPT = 2**31 - 1
_UTC = timedelta(0)

#: Key, value and headers of a record as the driver takes them.
EncodedDelivery = tuple[bytes | None, bytes, list[tuple[str, bytes]]]


def encode(delivery: QueuedDelivery) -> EncodedDelivery:
    """Return key, value and headers of the record of a delivery."""
    body = delivery.body
    here = body is not None and len(body) <= MAX_BODY_BYTES
    ordering = delivery.ordering_key
    # Ids as text: orjson does not take the database driver's own UUID type.
    facts = {
        "v": _VERSION,
        "tenant": str(delivery.tenant_id),
        "webhook": str(delivery.webhook_id),
        "delivery": str(delivery.delivery_id),
        "attempt": delivery.attempt,
        "received_at": delivery.received_at,
        "key": delivery.idempotency_key,
        "ordering": ordering,
        "body": "here" if here else "ledger",
    }
    return (
        None if ordering is None else ordering.encode(),
        body if body is not None and here else b"",
        [(_FACTS, orjson.dumps(facts)), (_HEADER_BLOCK, delivery.headers)],
    )


def decode(
    key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]
) -> QueuedDelivery:
    """Return the delivery that a record carries.

    Raises:
        DecodeError: The record is not a delivery of this version.
    """
    parts = dict(headers)
    block = parts.get(_HEADER_BLOCK)
    raw = parts.get(_FACTS)
    if raw is None or block is None or value is None:
        raise DecodeError("a delivery has a value and two headers", data=value or b"")
    try:
        return _delivery(_facts(raw), key, value, block)
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError(f"{_FACTS}: {type(error).__name__}: {error}", data=raw) from error


def _facts(raw: bytes) -> dict[str, Any]:
    facts = orjson.loads(raw)
    if not isinstance(facts, dict):
        raise TypeError("not an object")
    version = facts.get("v")
    if type(version) is not int or version != _VERSION:
        raise ValueError("not version 1")
    return facts


def _delivery(
    facts: dict[str, Any], key: bytes | None, value: bytes, block: bytes
) -> QueuedDelivery:
    ordering = _text(facts["ordering"])
    if (None if ordering is None else ordering.encode()) != key:
        raise ValueError("ordering differs from the record's key")
    return QueuedDelivery(
        tenant_id=TenantId(_uuid(facts["tenant"])),
        webhook_id=WebhookId(_uuid(facts["webhook"])),
        delivery_id=DeliveryId(_uuid(facts["delivery"])),
        attempt=_attempt(facts["attempt"]),
        received_at=_moment(facts["received_at"]),
        headers=block,
        body=_body(facts["body"], value),
        idempotency_key=_text(facts["key"]),
        ordering_key=ordering,
    )


def _uuid(value: object) -> UUID:
    if not isinstance(value, str) or len(value) != 36:
        raise ValueError("not a UUID")
    return UUID(value)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("neither text nor null")


def _attempt(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_ATTEMPT:
        raise ValueError("attempt is not a count")
    return value


def _moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise TypeError("received_at is not text")
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() != _UTC:
        raise ValueError("received_at is not UTC")
    return moment


def _body(place: object, value: bytes) -> bytes | None:
    if place == "here":
        return value
    if place == "ledger" and not value:
        return None
    raise ValueError("body is neither here nor in the ledger")
