"""The JSON text of an outcome, whatever an action or a payload put into it."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import orjson

#: Largest outcome that is kept, in bytes.
MAX_OUTCOME_BYTES = 64 * 1024
_MAX_DEPTH = 16
_MAX_ITEMS = 200
_MAX_TEXT = 4_000
_INT64 = 2**63


def encode_outcome(document: Mapping[str, Any]) -> str:
    """Return JSON text that PostgreSQL accepts; what is odd, deep or long in it is shortened."""
    text = orjson.dumps(_plain(document, _MAX_DEPTH))
    if len(text) <= MAX_OUTCOME_BYTES:
        return text.decode()
    # Too much of it all: the texts and numbers on top say what happened.
    top = {key: value for key, value in document.items() if isinstance(value, str | int)}
    return orjson.dumps({**_plain_mapping(top, 1), "truncated": True}).decode()


def encode_result(value: object) -> str:
    """Return JSON text of any value, likewise."""
    text = orjson.dumps(_plain(value, _MAX_DEPTH))
    return text.decode() if len(text) <= MAX_OUTCOME_BYTES else '{"truncated":true}'


def _plain(value: object, depth: int) -> object:
    match value:
        case None | bool():
            return value
        case str():
            return _plain_text(value)
        case int():
            return value if -_INT64 <= value < _INT64 else str(value)
        case float():
            return value if math.isfinite(value) else None
        case UUID() | date():
            return str(value)
        case _:
            return _plain_container(value, depth)


def _plain_container(value: object, depth: int) -> object:
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return _plain_mapping(value, depth)
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value[:_MAX_ITEMS]]
    return _plain_text(repr(value))


def _plain_mapping(value: Mapping[Any, object], depth: int) -> dict[str, object]:
    items = list(value.items())[:_MAX_ITEMS]
    return {_plain_text(str(key)): _plain(item, depth - 1) for key, item in items}


def _plain_text(value: str) -> str:
    cut = value if len(value) <= _MAX_TEXT else value[:_MAX_TEXT] + "…"
    return cut.encode(errors="replace").decode()
