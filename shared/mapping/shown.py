"""A value met, as it is shown in a fault: short JSON, secrets masked."""

from collections.abc import Mapping

import orjson

from shared.expressions.secrecy import names_secret

_LONGEST = 200
#: As JSON, so many are too long to be shown whole.
_MAX_ITEMS = 100
_MAX_DEPTH = 4
_MASK = "***"


def shown(value: object, *, source: str = "") -> str:
    """Return a value as JSON, cut to a length that fits into a message.

    Args:
        value: What was met.
        source: The expression that found it; one that names a secret has its value masked, as
            has, inside a value, what stands under such a key.
    """
    if names_secret(source):
        return f'"{_MASK}"'
    try:
        text = orjson.dumps(_excerpt(value, _MAX_DEPTH)).decode()
    except TypeError:
        text = type(value).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _excerpt(value: object, depth: int) -> object:
    """Copy no more of a value than can be shown."""
    match value:
        case str():
            return value[: _LONGEST + 1]
        case Mapping() if depth:
            items = list(value.items())[:_MAX_ITEMS]
            return {key: _member(key, item, depth) for key, item in items}
        case list() if depth:
            return [_excerpt(item, depth - 1) for item in value[:_MAX_ITEMS]]
        case Mapping() | list():
            return "…"
        case _:
            return value


def _member(key: object, value: object, depth: int) -> object:
    return _MASK if names_secret(str(key)) else _excerpt(value, depth - 1)
