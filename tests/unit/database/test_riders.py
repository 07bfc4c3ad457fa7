"""Values written into a statement that travels without parameters."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.database.riders import with_literals

_ID = UUID("018f0000-0000-7000-8000-000000000001")


def test_every_kind_of_value_is_written_out() -> None:
    """Ids and numbers are quoted, texts are in hexadecimal, None is null; comments are gone."""
    text = with_literals("-- $1 an id\nselect f($1, $2, $3,\n         $4)", _ID, 12.5, "a'b", None)
    assert text == (
        f"select f('{_ID}', '12.5', convert_from(decode('612762', 'hex'), 'UTF8'), null)"
    )


def test_parameters_may_come_in_any_order_and_twice() -> None:
    """Each place gets the value that its number names."""
    assert with_literals("select $2, $1, $2", 1, 2) == "select '2', '1', '2'"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_leaves_its_quotes(value: str) -> None:
    """Whatever a text contains, the statement keeps the same quotes, semicolons and words."""
    written = with_literals("select $1", value)
    inner = written.removeprefix("select convert_from(decode('").partition("'")[0]
    assert bytes.fromhex(inner).decode() == value
    assert written.count("'") == 6
    assert ";" not in written


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    """No duration is infinite: that is a bug of the caller."""
    with pytest.raises(ValueError, match="cannot be written out"):
        with_literals("select $1", value)
