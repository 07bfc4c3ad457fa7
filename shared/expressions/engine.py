"""Evaluation by the full engine, inside a sandbox process: unbounded in time by itself."""

import json
import math
from collections import OrderedDict
from typing import Any

import orjson
from jsonata import JException, Jsonata, Parser, Utils

from shared.errors import ExpressionError
from shared.expressions.compiler import compile_expression, error_message, wordless_message
from shared.expressions.frames import MAX_RESULT_BYTES
from shared.expressions.functions import BINDINGS
from shared.expressions.secrecy import names_secret

#: Total length of the expressions kept compiled; a tree takes some kilobytes per character.
_CACHED_CHARACTERS = 24 * 1024
#: An item takes two bytes of JSON at least, so more items cannot fit.
_MAX_RESULT_ITEMS = MAX_RESULT_BYTES // 2


class Engine:
    """Evaluates expressions and keeps their compiled form; for one thread of one process."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[str, Any] = OrderedDict()
        self._characters = 0
        # Refused at compile time already; here it does not even exist.
        Jsonata.static_frame.bindings.pop("eval", None)

    def evaluate(self, text: str, body: bytes) -> bytes | None:
        """Return an expression's result over a body as JSON, None for undefined.

        Raises:
            ExpressionError: With reason ``syntax``, ``too_long``, ``forbidden``, ``evaluation``,
                ``memory`` or ``result_size``.
        """
        compiled = self._compile(text)
        try:
            result = _run(compiled, body)
            return None if result is None else _encode(_Plainer().plain(result))
        except ExpressionError:
            raise
        except (MemoryError, SystemError) as error:
            # CPython loses the first at times: "error return without exception set".
            raise _failure(text, MemoryError(*error.args), reason="memory") from None
        except Exception as error:  # noqa: BLE001 - whatever the engine lets escape is its fault
            raise _failure(text, error, reason="evaluation") from None

    def _compile(self, text: str) -> Any:
        if text in self._compiled:
            self._compiled.move_to_end(text)
            return self._compiled[text]
        compiled = compile_expression(text)
        self._compiled[text] = compiled
        self._characters += len(text)
        while self._characters > _CACHED_CHARACTERS:
            oldest, _ = self._compiled.popitem(last=False)
            self._characters -= len(oldest)
        return compiled


def _run(compiled: Any, body: bytes) -> Any:
    # Parsed anew for each expression, so that none sees what another did to the document.
    document = orjson.loads(body)
    # The engine takes None for undefined; and it asks the instance made last for the time.
    Jsonata.CURRENT.jsonata = compiled
    compiled.set_validate_input(False)
    compiled.set_output_convert_nulls(False)
    # With bindings, even empty ones, assignments stay out of the cached instance.
    return compiled.evaluate(Utils.NULL_VALUE if document is None else document, BINDINGS)


def _failure(text: str, error: Exception, *, reason: str) -> ExpressionError:
    location = error.location if isinstance(error, JException) else None
    # The engine reports the end of the token, and 0 or less where it knows nothing.
    position = location - 1 if location is not None and 0 < location <= len(text) else None
    message = error_message(error)
    if names_secret(text) and not isinstance(error, RecursionError | MemoryError):
        message = wordless_message(error)  # the values in it may be secret
    return ExpressionError(message, expression=text, position=position, reason=reason)


class _Plainer:
    """Copies a result into plain JSON values, giving up on what cannot be one."""

    def __init__(self) -> None:
        self._items = 0

    def plain(self, value: Any) -> Any:
        self._items += 1
        if self._items > _MAX_RESULT_ITEMS:
            raise _too_large()
        if value is Utils.NULL_VALUE:
            return None
        if isinstance(value, dict):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, list):  # by iteration: ranges are lists that hold nothing
            return [self.plain(value[index]) for index in range(len(value))]
        return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("the result contains a number that JSON cannot hold")
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Parser.Symbol | Jsonata.JFunctionCallable):
        raise TypeError("the result is a function")
    raise TypeError("the result is not a JSON value")


def _encode(value: Any) -> bytes:
    try:
        encoded = orjson.dumps(value)
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits and nesting beyond 254 levels are JSON all the same.
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        # Two halves of a pair, each escaped in a literal, are one character; one alone is none.
        encoded = text.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    if len(encoded) > MAX_RESULT_BYTES:
        raise _too_large()
    return encoded


def _too_large() -> ExpressionError:
    return ExpressionError(
        f"The result is larger than {MAX_RESULT_BYTES} bytes of JSON", reason="result_size"
    )
