"""The kind of event that a request names."""

import pytest

from shared.domain.event_type import SMALL_BODY_BYTES, event_type_of


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (b"x-github-event: push\r\n", b'{"type": "other"}', "push"),
        (b"x-shopify-topic: orders/create\r\n", None, "orders/create"),
        (b"content-type: application/json\r\n", b'{"type": "invoice.paid"}', "invoice.paid"),
        (b"", b'{"event": {"id": 1}, "event_name": "made"}', "made"),
        (b"", b'{"type": ""}', None),
        (b"", b'{"type": 5}', None),
        (b"", b'["type"]', None),
        (b"", b"{oops", None),
        (b"", b"", None),
        (b"", None, None),
        (b"", b'{"type": "' + b"x" * 300 + b'"}', "x" * 255),
        (b"", b'{"type": "t", "rest": "' + b"x" * SMALL_BODY_BYTES + b'"}', None),
    ],
)
def test_event_type_when_read(headers: bytes, body: bytes | None, expected: str | None) -> None:
    """A provider's header goes first, then a member of a small body; else it is unknown."""
    assert event_type_of(headers, body) == expected
