"""Identifiers: time-ordered uuid7 everywhere."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID

from shared.clock import unix_ms

TenantId = NewType("TenantId", UUID)
WebhookId = NewType("WebhookId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
SecretId = NewType("SecretId", UUID)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7_bytes(timestamp_ms: int, random: bytes) -> bytes:
    """Return the 16 bytes of a uuid7 from a Unix time in ms and 10 random bytes.

    Source: RFC 9562 section 5.7, https://www.rfc-editor.org/rfc/rfc9562#section-5.7
    """
    return b"".join(
        (
            timestamp_ms.to_bytes(6, "big"),
            bytes((0x70 | random[0] & 0x0F, random[1], 0x80 | random[2] & 0x3F)),
            random[3:],
        )
    )


def random_parts(size: int) -> Iterator[bytes]:
    """Yield random bytes, ``size`` at a time, from the system's source read in larger blocks.

    For whoever makes ids by the thousand: a read costs more than the id. Not to be shared with a
    forked process, which would repeat them.
    """
    while True:
        block = os.urandom(size * 256)
        yield from [block[start : start + size] for start in range(0, len(block), size)]


def uuid7() -> UUID:
    """Return a new uuid7."""
    return UUID(bytes=uuid7_bytes(unix_ms(), os.urandom(10)))


def uuid7_moment(made: UUID) -> datetime:
    """Return when a uuid7 was made, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=made.int >> 80)


def lowest_uuid7_after(moment: datetime) -> UUID:
    """Return the lowest id of the first millisecond that begins after a moment."""
    return UUID(int=((moment - _EPOCH) // timedelta(milliseconds=1) + 1) << 80)


def delivery_id() -> DeliveryId:
    """Return a new delivery id; its time picks the day partition."""
    return DeliveryId(uuid7())
