"""Expectations on a value in a message."""

import pytest

from shared.mapping.shown import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("é", '"é"'),
        ([1, {"a": None}], '[1,{"a":null}]'),
        (2**70, "int"),
        ("\ud800", "str"),
        ({"a": {"b": {"c": {"d": {}}}}}, '{"a":{"b":{"c":{"d":"…"}}}}'),
    ],
)
def test_a_value_is_shown_as_json(value: object, text: str) -> None:
    """What has no short JSON is shown by its kind."""
    assert shown(value) == text


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000_000, list(range(1000)), [["y" * 1000] * 1000] * 1000, {"k" * 100_000: 1}],
)
def test_a_large_value_is_cut(value: object) -> None:
    """However large, it becomes a short text."""
    assert len(shown(value)) == 201


def test_deep_nesting_is_cut() -> None:
    """No depth of a document is too much."""
    value: object = 1
    for _ in range(10_000):
        value = [value]

    assert shown(value) == '[[[["…"]]]]'


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Passwd", "client_secret", "accessToken", "api_key", "API-Key", "apikey"),
        *("Authorization", "x-signature", "Cookie", "db.pwd", "privateKey", "credentials"),
    ],
)
def test_what_is_named_as_a_secret_is_masked(name: str) -> None:
    """By its key, at any depth that is shown, and by the expression that found it."""
    assert shown({"a": [{name: "hunter2"}]}) == f'{{"a":[{{"{name}":"***"}}]}}'
    assert shown("hunter2", source=f"auth.`{name}`") == '"***"'


def test_other_names_are_not_masked() -> None:
    """A fault has to say what was met."""
    assert shown({"author": "a", "shipping": "b"}, source="spinner.opinion") == (
        '{"author":"a","shipping":"b"}'
    )
