"""Bounds on bodies."""

import pytest

from control_api.access import is_deeper


@pytest.mark.parametrize(
    ("value", "depth"),
    [(1, 0), ([], 1), ([[]], 2), ({"a": [1, {"b": []}]}, 4), ([1, {"a": 1}], 2)],
)
def test_depth_when_at_the_limit(value: object, depth: int) -> None:
    """A value of some depth passes that limit and no smaller one."""
    assert not is_deeper(value, depth)
    if depth:
        assert is_deeper(value, depth - 1)
