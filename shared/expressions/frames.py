"""The bytes between a sandbox and its processes: length-prefixed frames over a pipe.

Request: lengths of header and body, the header as JSON, the raw body. Answers: one frame for
each expression in turn, then a closing one; both sides are of one version, so none is marked.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson

from shared.errors import ExpressionError
from shared.expressions.plain import MISSING

REQUEST_PREFIX = struct.Struct("!II")
ANSWER_PREFIX = struct.Struct("!I")

#: Largest result of one expression, in bytes of JSON.
MAX_RESULT_BYTES = 256 * 1024
#: Largest answer frame: a result with its envelope.
MAX_ANSWER_BYTES = MAX_RESULT_BYTES + 4096

READY = b'["ready"]'
_MISSING = b'["missing"]'


class Task(StrEnum):
    """What a process is asked to do with expressions."""

    EVALUATE = "evaluate"
    #: Compile only: undefined stands for "nothing against it".
    CHECK = "check"
    #: Likewise, refusing what varies between evaluations of the same body.
    CHECK_DETERMINISTIC = "check_deterministic"


@dataclass(frozen=True, slots=True)
class Request:
    """Expressions, and the body and time that they share."""

    texts: Sequence[str]
    body: bytes
    timeout_seconds: float
    task: Task = Task.EVALUATE


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of the answers to one request."""

    #: The process has grown and asks to be replaced before it takes another request.
    retire: bool


def encode_request(request: Request) -> bytes:
    """Return the frame of a request."""
    header = orjson.dumps([request.task, request.texts, request.timeout_seconds])
    return REQUEST_PREFIX.pack(len(header), len(request.body)) + header + request.body


def decode_request(header: bytes, body: bytes) -> Request:
    """Return the request of a frame's two parts."""
    task, texts, timeout_seconds = orjson.loads(header)
    return Request(texts, body, timeout_seconds, Task(task))


def answer_frame(payload: bytes) -> bytes:
    """Return a payload behind its length."""
    return ANSWER_PREFIX.pack(len(payload)) + payload


def encode_value(value: bytes | None) -> bytes:
    """Return the answer for a result in JSON, None standing for undefined."""
    return _MISSING if value is None else b'["value",' + value + b"]"


def encode_error(error: ExpressionError) -> bytes:
    """Return the answer for an expression that failed."""
    message = str(error).encode("utf-8", "replace").decode()
    return orjson.dumps(["error", error.reason, message, error.position])


def encode_closing(closing: Closing) -> bytes:
    """Return the frame that ends the answers to a request."""
    return orjson.dumps(["closing", closing.retire])


def decode_answer(payload: bytes, expression: str = "") -> object:
    """Return a value, ``MISSING``, an ``ExpressionError`` or a ``Closing``."""
    match orjson.loads(payload):
        case ["value", value]:
            return value
        case ["missing"]:
            return MISSING
        case ["error", reason, message, position]:
            return ExpressionError(
                message, expression=expression, position=position, reason=reason
            )
        case ["closing", bool() as retire]:
            return Closing(retire=retire)
        case _:
            raise ValueError("unknown answer frame")
