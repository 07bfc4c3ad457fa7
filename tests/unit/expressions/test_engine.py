"""Expectations on one evaluation by the full engine, limits of time and memory apart."""

import re

import orjson
import pytest

from shared.errors import ExpressionError
from shared.expressions.engine import Engine
from shared.expressions.frames import MAX_RESULT_BYTES

BODY = orjson.dumps(
    {
        "event": {"id": "evt-1", "at": 1767225600000},
        "items": [{"sku": "a", "price": 2.5}, {"sku": "b", "price": 4}],
        "nothing": None,
        "big": 2**63,
        "name": "Zoë",
    }
)
DEFINED = {
    "$sum(items.price)": 6.5,
    "items.sku": ["a", "b"],
    "items[price > 3].sku": "b",
    "items[0].sku[]": ["a"],
    "$uppercase(name)": "ZOË",
    "nothing": None,
    "[nothing, 1]": [None, 1],
    "{'a': nothing, 'b': absent}": {"a": None},
    "[1..4]": [1, 2, 3, 4],
    "{'r': [1..3]}": {"r": [1, 2, 3]},
    "[[1..2], [3..4]]": [[1, 2], [3, 4]],
    "big": 2**63,
    "$match('a1b2', /[0-9]/).match": ["1", "2"],
    "$replace('2024-01', /(\\d+)-(\\d+)/, '$2/$1')": "01/2024",
    "$contains('ABC', /b/i)": True,
    "$split('a;b', /;/)": ["a", "b"],
    "event ~> |$|{'x': 1}|": {"id": "evt-1", "at": 1767225600000, "x": 1},
    "items.{'s': sku, 'of': %.event.id}": [{"s": "a", "of": "evt-1"}, {"s": "b", "of": "evt-1"}],
    "$fromMillis(event.at)": "2026-01-01T00:00:00.000Z",
    "len(name)": 3,
    "len(items)": 2,
    "len(event)": 0,
    "len(absent)": 0,
    "$len(name)": 3,
    "coalesce(absent, nothing, name)": "Zoë",
    "coalesce(absent, nothing)": None,
    "toString(nothing)": "",
    "toString(absent)": "",
    "toString(12)": "12",
    "toString(true)": "true",
    "toString(big)": "9223372036854775808",
    "toString(1.50)": "1.5",
    "toString(items[0])": '{"sku":"a","price":2.5}',
    "toString(items[0].price)": "2.5",
    "event.id ~> $toString": "evt-1",
    "event.id ~> $len": 5,
    "event.id ~> $coalesce('x')": "evt-1",
    "$coalesce(absent, 'none')": "none",
    "coalesce()": None,
    "coalesce(false, true)": False,
    "coalesce('', 'x')": "",
    "coalesce(0, 1)": 0,
    "coalesce(items[9].sku, 'none')": "none",
    "$map(items.sku, $toString)": ["a", "b"],
    "items.sku ~> $map($len)": [1, 1],
    "len('')": 0,
    "len([])": 0,
    "len(12)": 0,
    "len()": 0,
    "append([1], 2)": [1, 2],
    "append(absent, 1)": 1,
    "$append('a', 'b')": ["a", "b"],
    "{'n': len(name), 's': $toString(1)}": {"n": 3, "s": "1"},
    "(coalesce(absent, 'a') & '-') & toString(7)": "a-7",
    "'\\ud83d\\ude00'": "\U0001f600",
    "append(1, [2])": [1, 2],
    "items.(coalesce(missing, sku))": ["a", "b"],
    "'len (cm)'": "len (cm)",
}


@pytest.mark.parametrize("text", DEFINED)
def test_an_expression_has_the_value_of_jsonata(text: str) -> None:
    """Ranges, nulls, parents, regular expressions and the named functions included."""
    result = Engine().evaluate(text, BODY)

    assert result is not None
    assert orjson.loads(result) == DEFINED[text]


@pytest.mark.parametrize(
    "text", ["absent", "nothing.x", "items[9]", "$sum(absent)", "[][0]", "()"]
)
def test_an_undefined_result_is_told_from_null(text: str) -> None:
    """Undefined is None here; null is the four letters."""
    assert Engine().evaluate(text, BODY) is None
    assert Engine().evaluate("nothing", BODY) == b"null"


@pytest.mark.parametrize(
    ("body", "text", "result"),
    [
        (b"null", "$", b"null"),
        (b"[1,2]", "$", b"[1,2]"),
        (b"[]", "$", b"[]"),
        (b'[{"a":1},{"a":2}]', "a", b"[1,2]"),
        (b'"text"', "$", b'"text"'),
        (b"0", "$ + 1", b"1"),
    ],
)
def test_any_json_may_be_the_root(body: bytes, text: str, result: bytes) -> None:
    """The context of the evaluation is the body itself, whatever it is."""
    assert Engine().evaluate(text, body) == result


@pytest.mark.parametrize(
    "text",
    [
        "$number('x')",
        "name + 1",
        "$undefined_function()",
        "1 / 0",
        "1e308 * 10",
        "$power(10, 400)",
        "$sum",
        "{'f': function() { 1 }}",
        "/a/",
        "$error('no')",
        "coalesce(name, $error('arguments are evaluated first'))",
        "$assert(false, 'no')",
        "'\\ud800'",
        "'\\ude00\\ud83d'",
        "{'\\ud800': 1}",
        "$toMillis('never')",
        "$formatBase(1, 99)",
        "($f := function($x) { 1 + $f($x) }; $f(1))",
        "$ ~> |$|{'self': $}|",
    ],
)
def test_a_failing_evaluation_says_why(text: str) -> None:
    """Whatever the engine raises, also what is no error of JSONata, becomes one kind of error."""
    with pytest.raises(ExpressionError) as caught:
        Engine().evaluate(text, BODY)

    assert caught.value.reason in {"evaluation", "result_size"}
    assert 0 < len(str(caught.value)) < 400


def test_a_failing_evaluation_points_at_the_call() -> None:
    """The position is within the expression, zero-based."""
    with pytest.raises(ExpressionError) as caught:
        Engine().evaluate("1 + $uppercase(12)", BODY)

    assert caught.value.position == len("1 + $uppercase")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$number(auth.token)", "The evaluation failed: ValueError"),
        ("$error(auth.token)", "…"),
        ("$uppercase(1) & auth.token", "Argument … of Object … does not match Object signature"),
        ("auth.token < 1", "The values … and … either side of operator … must be of the same"),
    ],
)
def test_a_fault_about_a_secret_shows_no_value(text: str, message: str) -> None:
    """An expression that names a secret fails without the words that may contain it."""
    with pytest.raises(ExpressionError) as caught:
        Engine().evaluate(text, b'{"auth":{"token":"hunter2"}}')

    assert str(caught.value).startswith(message)
    assert "hunter2" not in str(caught.value)


def test_a_body_that_is_no_json_fails_the_evaluation() -> None:
    """Callers parse first; should one not, it learns so."""
    with pytest.raises(ExpressionError) as caught:
        Engine().evaluate("$", b"{")

    assert caught.value.reason == "evaluation"


@pytest.mark.parametrize("text", ["$pad('', 262143)", "[1..200000]"])
def test_a_result_over_the_limit_is_refused(text: str) -> None:
    """The limit is on the result's JSON."""
    with pytest.raises(ExpressionError) as caught:
        Engine().evaluate(text, BODY)

    assert caught.value.reason == "result_size"


def test_a_result_at_the_limit_is_kept() -> None:
    """The limit is inclusive, quotes counted."""
    result = Engine().evaluate(f"$pad('', {MAX_RESULT_BYTES - 2})", BODY)

    assert result is not None
    assert len(result) == MAX_RESULT_BYTES


def test_a_number_beyond_64_bits_and_deep_nesting_are_json() -> None:
    """The fast encoder knows neither; the result is kept all the same."""
    deep = b"[" * 500 + b"]" * 500

    assert Engine().evaluate("1e20", b"{}") == b"1" + b"0" * 20
    assert Engine().evaluate("{'d': $}", deep) == b'{"d":' + deep + b"}"


def test_an_assignment_ends_with_its_evaluation() -> None:
    """The compiled form is shared by all who use the same text; what it assigned is not."""
    engine = Engine()
    engine.evaluate("$secret := event.id", BODY)

    assert engine.evaluate("$secret := absent", b"{}") is None
    assert engine.evaluate("$secret", b"{}") is None


def test_an_expression_does_not_see_what_another_did() -> None:
    """Every expression starts from the body as it came."""
    engine = Engine()
    engine.evaluate("items ~> |$|{}, 'sku'|", BODY)

    assert engine.evaluate("items.sku", BODY) == b'["a","b"]'


def test_the_time_is_that_of_the_evaluation() -> None:
    """The engine asks whichever expression was compiled last; a cached one has moved on."""
    engine = Engine()
    moments = []
    for _ in range(200):
        engine.evaluate("1", b"{}")
        moments.append(engine.evaluate("$millis()", b"{}"))

    assert len(set(moments)) > 1


def test_now_iso_is_utc_with_milliseconds() -> None:
    """As JavaScript writes it."""
    result = Engine().evaluate("nowIso()", b"{}")

    assert result is not None
    assert re.fullmatch(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', result)


def test_compiled_expressions_are_kept_within_bounds() -> None:
    """However many texts come by, the kept ones stay few enough; all still work."""
    engine = Engine()
    texts = [f"'{number}' & '{'x' * 3000}'" for number in range(60)]
    for text in texts:
        engine.evaluate(text, b"{}")

    assert engine.evaluate(texts[0], b"{}") == b'"0' + b"x" * 3000 + b'"'
    assert len(engine._compiled) < 30
