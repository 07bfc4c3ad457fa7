"""Expectations on what compiles, and on how a refusal says where and why."""

import pytest

from shared.errors import ExpressionError
from shared.expressions.compiler import check_expression
from shared.expressions.limits import MAX_EXPRESSION_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "event.id",
        "'workstation'",
        "$",
        "items[price > 10].name",
        "($f := function($x) { $x * 2 }; $map([1, 2], $f))",
        "payload ~> |items|{'seen': true}|",
        "$now()",
        "coalesce(a, b)",
        "/^[a-z]+$/i",
        "`odd name`.x",
        "a % 2 = 0 ? 'even' : 'odd'",
    ],
)
def test_the_whole_language_compiles(text: str) -> None:
    """Paths, predicates, functions, transforms, regular expressions: nothing is left out."""
    check_expression(text)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("a.", 2),
        ("a )", 2),
        ("(1", 2),
        ("a = = b", 4),
        ("'open", 5),
        (r"'\x'", 2),
        ("`open", 5),
        ("{'a': }", 6),
        ("a.1", 2),
        ("[1, 2", 5),
        ("a b", 2),
        ("/(?=x)/", None),
        (r"/(a)\1/", None),
        ("/[/", None),
        ("/", None),
        ("%", 0),
        ("(" * 3000, None),
        ("[" * 8000, None),
    ],
)
def test_a_syntax_error_tells_its_position(text: str, position: int | None) -> None:
    """Zero-based, at the faulty token, wherever the engine knows it."""
    with pytest.raises(ExpressionError) as caught:
        check_expression(text)

    assert caught.value.reason == "syntax"
    assert caught.value.expression == text
    assert str(caught.value)
    if position is not None:
        assert caught.value.position == position


def test_an_expression_at_the_limit_compiles() -> None:
    """The limit is in bytes of UTF-8 and inclusive."""
    check_expression("'" + "é" * ((MAX_EXPRESSION_BYTES - 2) // 2) + "'")


@pytest.mark.parametrize("text", ["'" + "x" * MAX_EXPRESSION_BYTES + "'", "é" * 8193])
def test_an_expression_over_the_limit_is_refused_unparsed(text: str) -> None:
    """Parsing is quadratic, so the length is checked first."""
    with pytest.raises(ExpressionError) as caught:
        check_expression(text)

    assert caught.value.reason == "too_long"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("$eval('1')", 0),
        ("a + $eval(b)", 4),
        ("[1].($x := $eval)", 11),
        ("function($eval) { 1 }", 9),
        ("{'a': [$eval]}", 7),
        ("a ~> $eval", 5),
    ],
)
def test_eval_is_refused_wherever_it_stands(text: str, position: int) -> None:
    """Text that becomes code would pass by every check made on save."""
    with pytest.raises(ExpressionError) as caught:
        check_expression(text)

    assert (caught.value.reason, caught.value.position) == ("forbidden", position)


@pytest.mark.parametrize(
    "text", ["$now()", "$millis()", "nowIso()", "id & $random()", "$shuffle(a)"]
)
def test_a_key_may_not_vary(text: str) -> None:
    """The same event must give the same key, while a mapping may well use the time."""
    check_expression(text)

    with pytest.raises(ExpressionError) as caught:
        check_expression(text, deterministic=True)

    assert caught.value.reason == "forbidden"


def test_a_field_named_like_a_function_is_no_call() -> None:
    """Only ``$now`` is the function; ``now`` is a field of the body."""
    check_expression("event.now & eval", deterministic=True)


def test_an_earlier_error_leaves_no_trace() -> None:
    """A parent reference that failed does not spoil the next expression."""
    with pytest.raises(ExpressionError):
        check_expression("%.a")

    check_expression("a.b.{'x': %.c}")


@pytest.mark.parametrize("text", ["'\ud800'", "\ud800", "/\ud800/"])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    """It can be no UTF-8, so no sandbox could ever be asked for it."""
    with pytest.raises(ExpressionError) as caught:
        check_expression(text)

    assert caught.value.reason == "syntax"
