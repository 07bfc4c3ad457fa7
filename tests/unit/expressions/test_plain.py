"""Expectations on the short way: what it recognises, and what it leaves to the engine."""

import pytest

from shared.expressions.plain import MISSING, UNDECIDED, parse_expression

DOCUMENT = {
    "event": {"id": "evt-1", "odd key": 7, "and": True},
    "nothing": None,
    "zero": 0,
    "tags": ["a", "b"],
    "devices": [{"id": 1}, {"id": 2}],
    "": "empty",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.id", "evt-1"),
        ("  event.id\n", "evt-1"),
        ("$.event.id", "evt-1"),
        ("event.`odd key`", 7),
        ("event.`and`", True),
        ("$", DOCUMENT),
        ("nothing", None),
        ("zero", 0),
        ("tags", ["a", "b"]),
        ("absent", MISSING),
        ("event.absent", MISSING),
        ("absent.id", MISSING),
        ("nothing.id", MISSING),
        ("zero.id", MISSING),
        ("'workstation'", "workstation"),
        ('"two words"', "two words"),
        ("''", ""),
        (r'"a\"b\n\\"', 'a"b\n\\'),
        ("12", 12),
        ("-1.50", -1.5),
        ("1e3", 1000),
        ("true", True),
        ("false", False),
        ("null", None),
    ],
)
def test_a_plain_expression_is_answered_at_once(text: str, value: object) -> None:
    """The value, of the very type, comes back without an engine."""
    expression = parse_expression(text)

    found = expression.lookup(DOCUMENT)

    assert expression.is_plain
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "event.",
        ".event",
        "event . id",
        "event.and",
        "or",
        "event.true",
        "null.id",
        "true.id",
        "``",
        "`a",
        "a``b",
        "$$",
        "$x",
        "$sum(tags)",
        "tags[0]",
        "event.*",
        "event.id & 'x'",
        "'it's'",
        r"'\'",
        r"'\x'",
        r"'\u0041'",
        "9007199254740992",
        "1e999",
        "01",
        "1.",
        "- 1",
        "été",
        "a\x00b",
        "a/*c*/",
        "'" + "x" * 16384 + "'",
    ],
)
def test_anything_else_is_left_to_the_engine(text: str) -> None:
    """Odd, faulty, rounded or merely unusual texts never raise: they are undecided."""
    expression = parse_expression(text)

    assert not expression.is_plain
    assert expression.lookup(DOCUMENT) is UNDECIDED


@pytest.mark.parametrize("text", ["devices.id", "tags.length", "$.devices.id"])
def test_an_array_on_the_way_is_left_to_the_engine(text: str) -> None:
    """JSONata maps a path over arrays; the short way does not try."""
    assert parse_expression(text).lookup(DOCUMENT) is UNDECIDED


@pytest.mark.parametrize("root", [[], [{"event": 1}], None, 1, "text"])
def test_a_root_that_is_no_object_is_left_to_the_engine(root: object) -> None:
    """Paths and ``$`` over arrays and scalars have rules of their own; literals do not care."""
    assert parse_expression("event").lookup(root) is UNDECIDED
    assert parse_expression("$").lookup(root) is UNDECIDED
    assert parse_expression("'x'").lookup(root) == "x"


def test_an_expression_shows_its_text_only() -> None:
    """Logs and failure messages show what the user wrote."""
    assert repr(parse_expression("event.id")) == "Expression(text='event.id')"
