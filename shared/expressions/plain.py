"""Plain paths and literals, recognised once and answered without the JSONata engine.

Knows only what it can answer exactly as the engine would; for the rest it says ``UNDECIDED``.
Imports no engine, so that a gateway pays no memory for one.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from shared.expressions.limits import MAX_EXPRESSION_BYTES


class Marker(Enum):
    """What a lookup may answer instead of a JSON value."""

    UNDECIDED = "undecided"
    MISSING = "missing"


#: Only the full engine can tell.
UNDECIDED: Final[Literal[Marker.UNDECIDED]] = Marker.UNDECIDED
#: JSONata's *undefined*: the expression selects nothing. JSON null is ``None``.
MISSING: Final[Literal[Marker.MISSING]] = Marker.MISSING

#: Numbers at and beyond this are rounded by JSONata's doubles.
_EXACT_INTEGER = 2**53

_NAME = r"(?:[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)"
_PATH = re.compile(rf"(?:\$\.)?{_NAME}(?:\.{_NAME})*")
_STEP = re.compile(r"`([^`]+)`|([^.`]+)")
_STRING = re.compile(r"""'((?:[^'\\]|\\["\\/bfnrt])*)'|"((?:[^"\\]|\\["\\/bfnrt])*)\"""")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: Final = {"true": True, "false": False, "null": None}
#: Operators that look like names, and words that are values, when not in backquotes.
_RESERVED = frozenset({"and", "or", "in", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression's text with what could be recognised about it beforehand."""

    text: str
    #: Keys from the root down; None where the expression is no plain path.
    _steps: tuple[str, ...] | None = field(default=None, repr=False)
    #: The value of a literal; UNDECIDED where the expression is none.
    _literal: object = field(default=UNDECIDED, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether a document without arrays on the way needs no engine."""
        return self._steps is not None or self._literal is not UNDECIDED

    def lookup(self, document: object) -> object:
        """Return the expression's value in a document, ``MISSING`` or ``UNDECIDED``."""
        if self._steps is None:
            return self._literal
        if type(document) is not dict:
            return UNDECIDED
        value: object = document
        for step in self._steps:
            if type(value) is dict:
                value = value.get(step, MISSING)
            elif type(value) is list:
                return UNDECIDED  # JSONata maps the rest of the path over the items
            else:
                return MISSING
        return value


def parse_expression(text: str) -> Expression:
    """Recognise plain paths and literals; anything else, faulty or not, is left to the engine."""
    # A character is at least a byte: most texts need no encoding to be known as short enough.
    if len(text) > MAX_EXPRESSION_BYTES:
        return Expression(text)
    core = text.strip(" \t\n\r")
    if core == "$":
        return Expression(text, _steps=())
    if (literal := _parse_literal(core)) is not UNDECIDED:
        return Expression(text, _literal=literal)
    return Expression(text, _steps=_parse_path(core))


def _parse_path(core: str) -> tuple[str, ...] | None:
    if not _PATH.fullmatch(core):
        return None
    steps = []
    for quoted, bare in _STEP.findall(core.removeprefix("$.")):
        if bare in _RESERVED:
            return None
        steps.append(quoted or bare)
    return tuple(steps)


def _parse_literal(core: str) -> object:
    if core in _WORDS:
        return _WORDS[core]
    if match := _STRING.fullmatch(core):
        return _ESCAPE.sub(_unescape, match[1] if match[2] is None else match[2])
    if _NUMBER.fullmatch(core):
        return _parse_number(core)
    return UNDECIDED


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])


def _parse_number(core: str) -> object:
    # As the engine does it: through a double, and back to an integer where it is whole.
    number = float(core)
    if abs(number) >= _EXACT_INTEGER:
        return UNDECIDED
    return int(number) if number.is_integer() else number
