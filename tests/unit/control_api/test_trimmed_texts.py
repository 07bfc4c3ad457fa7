"""Names and descriptions, from whose ends white space is taken away."""

import re

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from control_api.schemas import Description, Name

NAMES: TypeAdapter[str] = TypeAdapter(Name)
TEXTS = st.text(st.sampled_from(" \t\n\x0b\x0c\r\x85\xa0\u2009\u3000\x00\x1c\x7fab"), max_size=8)


def accepts(adapter: TypeAdapter[str], text: str) -> bool:
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True


def test_name_when_padded() -> None:
    """White space at its ends is taken away; a name of it alone is too short."""
    assert NAMES.validate_python(" \tDevices of  all\u3000\r\n") == "Devices of  all"
    assert TypeAdapter(Description).validate_python(" \n") == ""
    with pytest.raises(ValidationError, match="at least 1 character"):
        NAMES.validate_python(" \n")


def test_name_when_padded_too_long() -> None:
    """What is taken away counts for the length, as the document has it."""
    assert accepts(NAMES, "n" * 254 + " ")
    assert not accepts(NAMES, "n" * 254 + "  ")


@given(TEXTS)
def test_name_when_held_against_the_document(text: str) -> None:
    """What the document's schema refuses is refused; blank names are refused beside that."""
    documented = jsonschema_rs.Draft202012Validator(NAMES.json_schema()).is_valid(text)
    is_blank = not text.strip(" \t\n\x0b\x0c\r\u2009\u3000")
    if not re.search("[\x85\xa0]", text):  # white space that not every dialect of patterns knows
        assert accepts(NAMES, text) == (documented and not is_blank)
