"""The Kafka record of a delivery: fixed bytes, nothing lost, nothing but DecodeError."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from asyncpg.pgproto import pgproto
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId
from shared.errors import DecodeError
from shared.wire.delivery_v1 import (
    LARGEST_RECORD_BYTES,
    MAX_BODY_BYTES,
    MAX_HEADER_BLOCK_BYTES,
    decode,
    encode,
)

DELIVERY = QueuedDelivery(
    tenant_id=TenantId(UUID("018f0000-0000-7000-8000-000000000001")),
    webhook_id=WebhookId(UUID("018f0000-0000-7000-8000-000000000002")),
    delivery_id=DeliveryId(UUID("018f0000-0000-7000-8000-000000000003")),
    attempt=2,
    received_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    headers=b"content-type: application/json\r\nx-odd: \xff\r\n",
    body=b'{"id": "evt_1",\n "n": 1e400}\x00',
    idempotency_key="evt_1 \u20ac",
    ordering_key="device-7 \u00fc",
)
FACTS = (
    '{"v":1,"tenant":"018f0000-0000-7000-8000-000000000001",'
    '"webhook":"018f0000-0000-7000-8000-000000000002",'
    '"delivery":"018f0000-0000-7000-8000-000000000003","attempt":2,'
    '"received_at":"2026-01-02T03:04:05.678901+00:00","key":"evt_1 \u20ac",'
    '"ordering":"device-7 \u00fc","body":"here"}'
).encode()

texts = st.none() | st.text(st.characters(codec="utf-8"))
deliveries = st.builds(
    QueuedDelivery,
    tenant_id=st.uuids(),
    webhook_id=st.uuids(),
    delivery_id=st.uuids(),
    attempt=st.integers(0, 2**31 - 1),
    received_at=st.datetimes(timezones=st.just(UTC)),
    headers=st.binary(),
    body=st.none() | st.binary(),
    idempotency_key=texts,
    ordering_key=texts,
)
cut_facts = st.integers(0, len(FACTS)).map(lambda length: FACTS[:length])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_encode_gives_the_bytes_of_version_1() -> None:
    """Workers of other releases read these bytes: a change of them is a new version."""
    assert encode(DELIVERY) == (
        b"device-7 \xc3\xbc",
        DELIVERY.body,
        [("postern-delivery", FACTS), ("postern-headers", DELIVERY.headers)],
    )


def test_encode_takes_ids_as_the_database_driver_makes_them() -> None:
    """An id read from PostgreSQL is of a subclass of UUID; its bytes are the same."""
    read = replace(DELIVERY, tenant_id=TenantId(pgproto.UUID(str(DELIVERY.tenant_id))))
    assert type(read.tenant_id) is not UUID
    assert encode(read) == encode(DELIVERY)


def test_no_record_is_larger_than_the_largest() -> None:
    """With the largest of everything that a gateway accepts it still fits."""
    text = "\x01" * 1024  # JSON takes six characters for each; gateways keep half as many
    key, value, headers = encode(
        replace(
            DELIVERY,
            body=b"x" * MAX_BODY_BYTES,
            headers=b"x" * MAX_HEADER_BLOCK_BYTES,
            idempotency_key=text,
            ordering_key=text,
        )
    )
    names_and_lengths = 1024
    size = len(key or b"") + len(value) + sum(len(block) for _, block in headers)
    assert size + names_and_lengths < LARGEST_RECORD_BYTES


def test_encode_leaves_a_large_body_in_the_ledger() -> None:
    """The largest body that travels is 256 KiB; one byte more is fetched by the worker."""
    largest = replace(DELIVERY, body=b"x" * MAX_BODY_BYTES)
    larger = replace(DELIVERY, body=b"x" * (MAX_BODY_BYTES + 1))
    assert decode(*encode(largest)) == largest
    assert encode(larger)[1] == b""
    assert decode(*encode(larger)) == replace(DELIVERY, body=None)


def test_decode_tells_an_empty_body_from_one_in_the_ledger() -> None:
    """Empty is what the sender sent; None is what has still to be fetched."""
    bodies = [decode(*encode(replace(DELIVERY, body=body))).body for body in (b"", None)]
    assert bodies == [b"", None]


@given(delivery=deliveries)
def test_decode_inverts_encode(delivery: QueuedDelivery) -> None:
    """Whatever a delivery holds arrives as it was."""
    assert decode(*encode(delivery)) == delivery


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("v", 1.0),
        ("v", True),
        ("tenant", None),
        ("tenant", "018f000000007000800000000000000"),
        ("webhook", "018f0000-0000-7000-8000-00000000000g"),
        ("delivery", 7),
        ("attempt", -1),
        ("attempt", 2**31),
        ("attempt", True),
        ("attempt", "1"),
        ("received_at", 0),
        ("received_at", "yesterday"),
        ("received_at", "2026-01-02T03:04:05"),
        ("received_at", "2026-01-02T03:04:05+02:00"),
        ("key", 5),
        ("ordering", None),
        ("ordering", "another"),
        ("ordering", []),
        ("body", "elsewhere"),
        ("body", "ledger"),
    ],
)
def test_decode_refuses_a_wrong_fact(field: str, value: object) -> None:
    """Each fact is checked; the error carries the facts' bytes."""
    raw = orjson.dumps({**orjson.loads(FACTS), field: value})
    headers = [("postern-delivery", raw), ("postern-headers", b"")]
    with pytest.raises(DecodeError) as caught:
        decode(b"device-7 \xc3\xbc", DELIVERY.body, headers)
    assert caught.value.data == raw


@pytest.mark.parametrize("field", sorted(orjson.loads(FACTS)))
def test_decode_refuses_a_missing_fact(field: str) -> None:
    """No fact has a default."""
    facts = orjson.loads(FACTS)
    del facts[field]
    with pytest.raises(DecodeError):
        decode(
            b"device-7 \xc3\xbc",
            b"",
            [("postern-delivery", orjson.dumps(facts)), ("postern-headers", b"")],
        )


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"", []),
        (b"", [("postern-delivery", FACTS)]),
        (b"", [("postern-headers", b"")]),
        (b"", [("postern-delivery", None), ("postern-headers", b"")]),
        (b"", [("postern-delivery", FACTS), ("postern-headers", None)]),
        (None, [("postern-delivery", FACTS), ("postern-headers", b"")]),
    ],
)
def test_decode_refuses_a_record_with_a_part_missing(
    value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    """A tombstone, or a record of another program, is no delivery."""
    with pytest.raises(DecodeError):
        decode(b"device-7 \xc3\xbc", value, headers)


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["postern-delivery", "postern-headers", "other"]),
            st.none() | st.binary() | st.just(FACTS) | cut_facts,
        )
    ),
)
def test_decode_raises_nothing_but_decode_error(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    """Any bytes are a delivery or a DecodeError."""
    _decode_or_refuse(key, value, headers)


@given(
    changes=st.dictionaries(st.sampled_from(sorted(orjson.loads(FACTS))), json_values, max_size=3)
)
def test_decode_raises_nothing_but_decode_error_when_facts_are_replaced(
    changes: dict[str, object],
) -> None:
    """Any JSON in any fact is a delivery or a DecodeError."""
    raw = orjson.dumps({**orjson.loads(FACTS), **changes})
    _decode_or_refuse(
        b"device-7 \xc3\xbc", b"", [("postern-delivery", raw), ("postern-headers", b"")]
    )


def _decode_or_refuse(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    try:
        assert isinstance(decode(key, value, headers), QueuedDelivery)
    except DecodeError:
        return
