"""The JSON text of outcomes."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.outcome_document import MAX_OUTCOME_BYTES, encode_outcome

_ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.uuids()
    | st.datetimes()
    | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers(), inner),
    max_leaves=20,
)


@given(value=_ODD)
def test_anything_becomes_json(value: object) -> None:
    """No value that an action can return keeps its outcome from being written."""
    assert isinstance(orjson.loads(encode_outcome({"value": value})), dict)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": [1, "x", None, True]}, {"a": [1, "x", None, True]}),
        ("\x00", "\x00"),
        ("\ud800", "?"),
        (float("inf"), None),
        (2**64, str(2**64)),
        (b"\xff", "b'\\xff'"),
    ],
)
def test_value_is_kept_as_far_as_json_goes(value: object, kept: object) -> None:
    """What JSON can say is said; the rest has a readable form."""
    assert orjson.loads(encode_outcome({"value": value}))["value"] == kept


def test_deep_value_is_cut() -> None:
    """Nesting beyond what can be read back ends in an ellipsis."""
    deep: Any = "bottom"
    for _ in range(2000):
        deep = [deep]
    assert "…" in encode_outcome({"value": deep})


def test_large_outcome_keeps_the_texts_and_numbers_on_top() -> None:
    """What says why a delivery failed, and under which version, survives a flood of details."""
    details = {str(number): "x" * 4000 for number in range(100)}
    text = encode_outcome({"error": "why", "code": "told", "details": details, "version": 7})
    assert len(text) < MAX_OUTCOME_BYTES
    assert orjson.loads(text) == {"error": "why", "code": "told", "version": 7, "truncated": True}
