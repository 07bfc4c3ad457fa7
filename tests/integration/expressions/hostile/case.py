"""A hostile expression, what it is evaluated over, and how that has to end."""

from dataclasses import dataclass

BODY = b'{"a":{"b":1},"items":[1,2,3],"text":"abc","nothing":null}'
DOCUMENT = {"a": {"b": 1}, "items": [1, 2, 3], "text": "abc", "nothing": None}

#: It takes too long, or too much memory before the time is over.
ENDLESS = "timeout memory"
#: It runs into the limit of recursion, or takes too long on its way there.
TOO_DEEP = "evaluation timeout"


@dataclass(frozen=True, slots=True)
class Case:
    """What is tried."""

    text: str
    #: Reasons of an ``ExpressionError`` that are right; none where there has to be a value.
    reasons: frozenset[str]
    #: The value, or MISSING; without meaning where there has to be an error.
    value: object
    body: bytes


def stops(text: str, reasons: str, body: bytes = BODY) -> Case:
    """Return a case that has to end with an error of one of some reasons."""
    return Case(text, frozenset(reasons.split()), None, body)


def gives(text: str, value: object, body: bytes = BODY) -> Case:
    """Return a case that has to end with a value."""
    return Case(text, frozenset(), value, body)
