"""Header blocks and the states of a delivery."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.delivery import (
    TRANSITIONS,
    DispatchStatus,
    format_header_block,
    parse_header_block,
)

NAMES = st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True)
VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_header_block_round_trip(pairs: list[tuple[str, str]]) -> None:
    """Names and values come back in order, repeated ones and all bytes of latin-1 included."""
    assert parse_header_block(format_header_block(pairs)) == pairs


def test_header_block_of_a_character_beyond_latin_1() -> None:
    """A character that no header can hold is replaced, and never fails a delivery."""
    assert format_header_block([("x", "\u20ac")]) == b"x: ?\r\n"


def test_transitions_are_complete_and_final_states_stay() -> None:
    """Every state is in the table, and nothing leaves a state of rest."""
    assert set(TRANSITIONS) == set(DispatchStatus)
    assert [state for state in DispatchStatus if TRANSITIONS[state]] == [DispatchStatus.PENDING]
