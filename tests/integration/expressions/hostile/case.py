"""A hostile expression, what it is evaluated over, and how that has to end."""

from dataclasses import dataclass

BODY = b'{"a":{"b":1},"items":[1,2,3],"text":"abc","nothing":null}'
DOCUMENT = {"a": {"b": 1}, "items": [1, 2, 3], "text": "abc", "nothing": None}

# Which limit is met first depends on how fast the machine is: a case names all on its way.
#: It takes too long, or too much memory before the time is over; the process may die of that.
ENDLESS = "timeout memory crashed"
#: It runs into the limit of recursion, or takes too long or too much on its way there.
TOO_DEEP = "evaluation timeout memory crashed"
#: Its result is too large, or takes too long or too much to make.
TOO_LARGE = "result_size timeout memory crashed"


@dataclass(frozen=True, slots=True)
class Case:
    """What is tried."""

    text: str
    #: Reasons of an ``ExpressionError`` that are right; none where there has to be a value.
    reasons: frozenset[str]
    #: The value, or MISSING; without meaning where there has to be an error.
    value: object
    body: bytes
    #: A machine may be fast enough to end it: then any value will do.
    may_end: bool = False


def stops(text: str, reasons: str, body: bytes = BODY) -> Case:
    """Return a case that has to end with an error of one of some reasons."""
    return Case(text, frozenset(reasons.split()), None, body)


def gives(text: str, value: object, body: bytes = BODY) -> Case:
    """Return a case that has to end with a value."""
    return Case(text, frozenset(), value, body)


def costs(text: str, body: bytes = BODY) -> Case:
    """Return a case that is long, but not without end: a fast machine may bring it there."""
    return Case(text, frozenset(TOO_DEEP.split()), None, body, may_end=True)
