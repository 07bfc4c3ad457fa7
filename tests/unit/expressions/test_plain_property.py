"""The short way against the full engine: wherever it decides, the two agree to the byte."""

from random import Random

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.expressions.engine import Engine
from shared.expressions.plain import MISSING, UNDECIDED, parse_expression
from tests.unit.expressions import agreement
from tests.unit.expressions.agreement import compare, encoded, evaluated
from tests.unit.expressions.generated import draw_document, draw_path

NUMBERS = st.one_of(st.integers(-(2**64), 2**65), st.floats(allow_nan=False, allow_infinity=False))
STRINGS = st.one_of(
    st.text(max_size=8).map(lambda text: f"'{text}'"),
    st.text(alphabet="ab\\\"'/bfnrtu0 é\n", max_size=8).map(lambda text: f'"{text}"'),
)
NUMERALS = st.one_of(
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    NUMBERS.map(str),
)
WORDS = st.sampled_from(["$", "$$", "true", "false", "null", "and", "in", "or", "undefined"])
SOUP = st.text(alphabet="ab.`$'\"\\01-e[]()* \t\n/é\x00", max_size=8)
TEXTS = st.tuples(
    st.sampled_from(["", " ", "\n", "\u00a0"]),
    st.one_of(STRINGS, NUMERALS, WORDS, SOUP),
    st.sampled_from(["", " ", "\t", "\v"]),
).map("".join)

ENGINE = Engine()


@given(seed=st.integers(0, 2**63))
def test_a_path_agrees_with_the_engine(seed: int) -> None:
    """A value found without the engine is the engine's value, MISSING its undefined."""
    random = Random(seed)
    document = draw_document(random)

    _check(draw_path(random, document), document)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("a", {"a": []}),
        ("a", {"a": [[]]}),
        ("a", {"a": [None]}),
        ("a.b", {"a": [{"b": 1}]}),
        ("a.b", {"a": {"b": None}}),
        ("a.b", {"a": None}),
        ("$", {}),
    ],
)
def test_a_special_case_agrees_with_the_engine(text: str, document: object) -> None:
    """So it is where JSONata wraps, unwraps or tells null from undefined."""
    _check(text, document)


@given(text=TEXTS)
@example(text="-0")
@example(text="-0.0")
@example(text="9007199254740993")
@example(text="true ")
def test_a_literal_agrees_with_the_engine(text: str) -> None:
    """A literal recognised without the engine has the engine's value; noise is left to it."""
    _check(text, {"a": 1, "b": {"a": "x"}, "e": [1]})


def _check(text: str, document: object) -> None:
    value = parse_expression(text).lookup(document)
    if value is not UNDECIDED:
        full = evaluated(ENGINE, text, orjson.dumps(document))
        assert encoded(value) == full, (text, document)


def test_many_cases_agree_with_the_engine() -> None:
    """Paths and literals over families of documents; ``tests.benchmark.agreement`` has more."""
    tally = compare("suite", 4_000)

    assert tally.differences == []
    assert tally.decided.keys() == {
        *("missing", "null", "bool", "int", "float", "str", "list", "dict"),
    }


def test_a_short_way_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: here arrays are not left to the engine."""
    monkeypatch.setattr(agreement, "parse_expression", _Wrong)

    assert compare("suite", 200).differences


class _Wrong:
    def __init__(self, text: str) -> None:
        self._expression = parse_expression(text)

    def lookup(self, document: object) -> object:
        found = self._expression.lookup(document)
        return MISSING if found is UNDECIDED else found
