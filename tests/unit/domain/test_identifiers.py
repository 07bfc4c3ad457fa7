"""uuid7: the time leads, so ids sort by it."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.identifiers import uuid7, uuid7_bytes

MOMENTS = st.integers(0, 2**48 - 1)
CHANCE = st.binary(min_size=10, max_size=10)


@given(MOMENTS, CHANCE)
def test_uuid7_bytes_have_version_variant_and_time(moment: int, chance: bytes) -> None:
    """The bytes are a uuid of version 7, RFC variant, that begins with the time in ms."""
    made = UUID(bytes=uuid7_bytes(moment, chance))
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == moment


@given(MOMENTS, MOMENTS, CHANCE, CHANCE)
def test_uuid7_bytes_sort_by_time(one: int, two: int, first: bytes, second: bytes) -> None:
    """Whatever the random part, an earlier time sorts first."""
    if one < two:
        assert uuid7_bytes(one, first) < uuid7_bytes(two, second)


def test_uuid7_differs_each_time() -> None:
    """A thousand ids made at once are a thousand ids."""
    assert len({uuid7() for _ in range(1000)}) == 1000
