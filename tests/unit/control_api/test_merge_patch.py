"""JSON Merge Patch, against the examples of its standard."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.merge_patch import merge

#: Source: RFC 7396 appendix A
EXAMPLES: list[tuple[object, object, object]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(("target", "patch", "expected"), EXAMPLES)
def test_merge_when_the_standard_has_an_example(
    target: object, patch: object, expected: object
) -> None:
    """Each example comes out as printed."""
    assert merge(target, patch) == expected


@given(documents, documents)
def test_merge_when_anything_is_given(target: object, patch: object) -> None:
    """A patch applied twice is as one applied once, and neither argument is changed."""
    before = copy.deepcopy((target, patch))
    merged = merge(target, patch)
    assert merge(merged, patch) == merged
    assert (target, patch) == before
