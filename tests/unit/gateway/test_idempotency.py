"""The idempotency key of a request."""

import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.idempotency import MAX_KEY_LENGTH, Key, KeyReader, key_text
from shared.domain.webhook import HeaderKey
from shared.errors import ExpressionError
from shared.expressions.evaluator import Evaluator
from shared.expressions.plain import MISSING, parse_expression


class _Answers:
    """A sandbox that gives one answer."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def evaluate(self, expressions: Mapping[str, str], *_: object, **__: object) -> object:
        return dict.fromkeys(expressions, self._answer)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (MISSING, None),
        (None, None),
        ("", None),
        (" \t\n ", None),
        ("e-1", "e-1"),
        ("  e-1\n", "e-1"),
        ("a b", "a b"),
        (0, "0"),
        (7, "7"),
        (-7, "-7"),
        (2**64, "18446744073709551616"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        ([], "[]"),
        ({"b": 1, "a": [None]}, '{"a":[null],"b":1}'),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        ("a\x00b", "a\\u0000b"),
        ("\x00", "\\u0000"),
        ("\ud83d", "\\ud83d"),
        ({"k": "\udc00"}, '{"k":"\\udc00"}'),
        (float("inf"), "Infinity"),
        ("x" * MAX_KEY_LENGTH, "x" * MAX_KEY_LENGTH),
    ],
)
def test_key_text(found: object, text: str | None) -> None:
    """Text is trimmed, nothing and null are no key, other values are their JSON."""
    assert key_text(found) == text


@pytest.mark.parametrize("filling", ["x", "\u00e9", "\U0001f600", "\ud800", "\x00"])
def test_key_text_when_long(filling: str) -> None:
    """A long key is its digest: short, the same for the same key, different for another."""
    long = filling * (MAX_KEY_LENGTH + 1)
    text = key_text(long)
    assert text is not None
    assert text.startswith("sha256:")
    assert len(text) == len("sha256:") + 64
    assert key_text(long) == text != key_text(long + filling)


@given(st.text(st.characters(), max_size=700))
def test_key_text_when_arbitrary(found: str) -> None:
    """Every key can be stored by PostgreSQL: UTF-8 without NUL, of bounded length."""
    text = key_text(found)
    if text is not None:
        assert b"\0" not in text.encode()
        assert 0 < len(text) <= 6 * MAX_KEY_LENGTH


@pytest.mark.parametrize(
    ("value", "key"),
    [(b"e-1", "e-1"), (b"  e-1\t", "e-1"), (b"", None), (b"  ", None), (b"\xe9", "\u00e9")],
)
def test_read_at_once_when_header(value: bytes, key: str | None) -> None:
    """The header's value is trimmed, any byte is text, an empty one is no key."""
    source = HeaderKey("x-event-id")
    assert KeyReader.read_at_once(source, {b"x-event-id": value}, None) == Key(key)
    assert KeyReader.read_at_once(source, {}, None) == Key(None)


def test_read_at_once_when_plain_path() -> None:
    """A plain path needs no engine; where an array is met, the engine must decide."""
    source = parse_expression("event.id")
    assert KeyReader.read_at_once(source, {}, {"event": {"id": 7}}) == Key("7")
    assert KeyReader.read_at_once(source, {}, {"event": {}}) == Key(None)
    assert KeyReader.read_at_once(source, {}, {"event": [{"id": 7}]}) is None
    assert KeyReader.read_at_once(parse_expression("'fixed'"), {}, None) == Key("fixed")


def _reader(answer: object) -> KeyReader:
    return KeyReader(Evaluator(_Answers(answer)), timeout_seconds=0.05)  # type: ignore[arg-type]


async def test_evaluate_when_engine_answers() -> None:
    """The engine's value is the key."""
    expression = parse_expression("$uppercase(event.id)")
    assert await _reader("E-1").evaluate(expression, {}, b"{}", owner="t") == Key("E-1")
    assert await _reader(MISSING).evaluate(expression, {}, b"{}", owner="t") == Key(None)


async def test_evaluate_when_engine_fails() -> None:
    """A failure gives no key and says why, in a bounded and storable text."""
    error = ExpressionError("T2001\ud800\x00" + "x" * 1000, reason="evaluation")
    key = await _reader(error).evaluate(parse_expression("$f()"), {}, b"{}", owner="t")
    assert key.value is None
    assert key.fault is not None
    assert key.fault.startswith("evaluation: T2001")
    assert b"\0" not in key.fault.encode()
    assert len(key.fault) <= 600


async def test_evaluate_when_value_cannot_be_written() -> None:
    """An integer of thousands of digits gives no key and says why."""
    key = await _reader(10**5000).evaluate(parse_expression("$f()"), {}, b"{}", owner="t")
    assert key.value is None
    assert key.fault is not None
    assert "digits" in key.fault


def test_key_digest_when_long_is_over_its_utf8() -> None:
    """Keys that other programs compute the same way are found again."""
    text = key_text("x" * 600)
    assert text == "sha256:" + hashlib.sha256(b"x" * 600).hexdigest()
