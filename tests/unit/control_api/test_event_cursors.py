"""Places in the feed of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.event_cursors import decode_event_cursor, encode_event_cursor
from shared.psa.events import EventCursor


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1))
def test_cursor_comes_back(transaction_id: int, event_number: int) -> None:
    """Every place that PostgreSQL can have survives as text that fits into a query."""
    cursor = EventCursor(transaction_id, event_number)
    text = encode_event_cursor(cursor)
    assert text.isascii()
    assert decode_event_cursor(text) == cursor


@pytest.mark.parametrize("text", ["", "x", "????", "AAAA", "Ä" * 24, "Af" + "_" * 21, "AQ" * 20])
def test_other_text_is_no_cursor(text: str) -> None:
    """Neither junk nor what an id's cursor looks like is taken for a place."""
    with pytest.raises(ValueError, match=r"cursor|form"):
        decode_event_cursor(text)


def test_places_are_in_the_order_of_the_feed() -> None:
    """First by transaction, then by number."""
    places = [EventCursor(2, 1), EventCursor(1, 9), EventCursor(), EventCursor(1, 10)]
    assert sorted(places) == [
        EventCursor(),
        EventCursor(1, 9),
        EventCursor(1, 10),
        EventCursor(2, 1),
    ]
