"""Cursors."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.pagination import PageQuery, decode_cursor, encode_cursor, page_content


@given(st.uuids())
def test_cursor_when_decoded(last: UUID) -> None:
    """A cursor gives back its id and fits a URL as it stands."""
    cursor = encode_cursor(last)
    assert decode_cursor(cursor) == last
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=40))
def test_cursor_when_made_up(text: str) -> None:
    """Any text is a cursor of ours or a ValueError, never another exception."""
    try:
        last = decode_cursor(text)
    except ValueError:
        return
    assert isinstance(last, UUID)


@pytest.mark.parametrize(("count", "more"), [(0, False), (2, False), (3, True)])
def test_page_when_of_some_items(count: int, more: bool) -> None:
    """A page holds up to its limit and a cursor to its last item exactly when more follow."""
    query = PageQuery(limit=2)
    assert query.probe == 3
    found = [UUID(int=number) for number in range(count)]
    page = page_content(found, query, key=lambda item: item, present=str)
    assert page["data"] == [str(item) for item in found[:2]]
    assert page["meta"]["limit"] == 2
    cursor = page["meta"]["next_cursor"]
    assert (cursor is not None) is more
    if more:
        assert PageQuery(cursor=cursor).after == found[1]
