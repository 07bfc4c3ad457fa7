"""Compilation of JSONata, and the rules on what an expression may contain."""

import re
from collections.abc import Iterator
from typing import Any

import re2
from jsonata import JException, Jsonata, Parser
from jsonata.regex_engine import RegexFlags

from shared.errors import ExpressionError
from shared.expressions.functions import BARE_NAMES
from shared.expressions.limits import refusal

#: Never allowed: text that becomes code escapes every check made on save.
FORBIDDEN = frozenset({"eval"})
#: Not the same twice for the same body, so not for keys that recognise a repeated event.
VARYING = frozenset({"now", "millis", "nowIso", "random", "shuffle"})

_MAX_MESSAGE = 300
_HIDDEN = "…"
#: Where the engine's messages name a value.
_PLACE = re.compile(r"\{{2,3}\w+\}{2,3}")


def check_expression(text: str, *, deterministic: bool = False) -> None:
    """Check that an expression compiles and keeps the rules.

    Takes about a millisecond for what people write, and up to ten seconds for a hostile text
    within the length limit: where an event loop runs, ask ``Sandbox.check`` instead.

    Args:
        text: The expression.
        deterministic: Refuse functions whose result varies for the same body, too; asked for
            where the result is an idempotency key.

    Raises:
        ExpressionError: With reason ``too_long``, ``syntax`` or ``forbidden``, and the position.
    """
    compiled = compile_expression(text)
    if deterministic:
        _refuse_calls(text, compiled.ast, VARYING, "varies between evaluations of the same body")


def compile_expression(text: str) -> Any:
    """Return the engine's compiled expression.

    Raises:
        ExpressionError: As ``check_expression``.
    """
    if error := refusal(text):
        raise error
    compiled = _parse(text)
    _refuse_calls(text, compiled.ast, FORBIDDEN, "is not allowed")
    _resolve_bare_names(compiled.ast)
    return compiled


def error_message(error: BaseException) -> str:
    """Return what went wrong, in one bounded line."""
    if isinstance(error, RecursionError):
        return "The expression recurses too deeply"
    if isinstance(error, MemoryError):
        return "The expression needs more memory than it may have"
    message = str(error) if isinstance(error, JException) else f"{type(error).__name__}: {error}"
    return message if len(message) <= _MAX_MESSAGE else message[:_MAX_MESSAGE] + "…"


def wordless_message(error: BaseException) -> str:
    """Return what kind of thing went wrong, without any value that the error may carry."""
    if not isinstance(error, JException):
        return f"The evaluation failed: {type(error).__name__}"
    template = JException.error_codes.get(error.error, "{{message}}")
    return _PLACE.sub(_HIDDEN, template)


def compile_regex(pattern: str, flags: RegexFlags) -> Any:
    """Compile a regular expression with an engine whose matching time is linear."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not flags.case_insensitive
    return re2.compile(f"(?m:{pattern})" if flags.multiline else pattern, options)


def _parse(text: str) -> Any:
    # One parser for all, since trees hold on to theirs; it keeps ancestry from one expression
    # to the next, which would end up in the wrong tree.
    parser = Jsonata.get_parser()
    parser.errors, parser.ancestry = [], []
    parser.ancestor_label = parser.ancestor_index = 0
    try:
        return Jsonata(text, compile_regex)
    except JException as error:
        raise ExpressionError(
            error_message(error),
            expression=text,
            position=_start_of_token(text, error),
            reason="syntax",
        ) from None
    except Exception as error:  # noqa: BLE001 - the parser lets IndexError and others escape
        raise ExpressionError(
            error_message(error), expression=text, position=None, reason="syntax"
        ) from None


def _start_of_token(text: str, error: JException) -> int | None:
    """Return where the faulty token starts; the parser reports where it ends."""
    location: int | None = error.location
    if location is None or location < 0:
        return None
    if error.error.startswith("S01"):  # the tokenizer reports the character itself
        return min(location, len(text))
    token = str(error.current)
    start = location - len(token)
    return start if start >= 0 and text[start:location] == token else location


def _refuse_calls(text: str, ast: Any, names: frozenset[str], why: str) -> None:
    for symbol in _symbols(ast):
        if symbol.type == "variable" and symbol.value in names:
            raise ExpressionError(
                f"${symbol.value} {why}",
                expression=text,
                position=max(symbol.position - len(symbol.value) - 1, 0),
                reason="forbidden",
            )


def _resolve_bare_names(ast: Any) -> None:
    """Let ``coalesce(a, b)`` mean ``$coalesce(a, b)``: as a path it could never be called."""
    for symbol in _symbols(ast):
        procedure = symbol.procedure
        if procedure is None or procedure.type != "path" or len(procedure.steps) != 1:
            continue
        step = procedure.steps[0]
        if step.type == "name" and step.value in BARE_NAMES:
            step.type = "variable"
            symbol.procedure = step


def _symbols(ast: Any) -> Iterator[Any]:
    seen: set[int] = set()
    pending = [ast]
    while pending:
        item = pending.pop()
        if isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, Parser.Symbol) and id(item) not in seen:
            seen.add(id(item))
            yield item
            pending.extend(vars(item).values())
