"""The sandbox process: reads requests on stdin, answers on stdout, ends with its parent."""

import ctypes
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from shared.errors import ExpressionError
from shared.expressions.compiler import check_expression
from shared.expressions.engine import Engine
from shared.expressions.frames import (
    READY,
    REQUEST_PREFIX,
    Closing,
    Request,
    Task,
    answer_frame,
    decode_request,
    encode_closing,
    encode_error,
    encode_value,
)

_PR_SET_PDEATHSIG = 1
#: Grace of the CPU backstop over the wall clock that the parent keeps.
_CPU_GRACE_SECONDS = 2


def main() -> None:
    """Serve until stdin ends; the only argument is the memory limit in bytes."""
    memory_bytes = int(sys.argv[1])
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    _restrict(memory_bytes)
    answers.write(answer_frame(READY))
    answers.flush()
    _silence()
    engine = Engine()
    while request := _read_request(requests):
        _limit_cpu(request.timeout_seconds)
        _answer(engine, request, answers)
        closing = Closing(retire=_address_space_bytes() > memory_bytes // 2)
        answers.write(answer_frame(encode_closing(closing)))
        answers.flush()


def _restrict(memory_bytes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _silence() -> None:
    """Send what the engine prints nowhere: stdout carries answers, and prints carry payloads."""
    with Path(os.devnull).open("r+b") as nowhere:
        for descriptor in (0, 1, 2):
            os.dup2(nowhere.fileno(), descriptor)


def _read_request(requests: BinaryIO) -> Request | None:
    prefix = requests.read(REQUEST_PREFIX.size)
    if len(prefix) < REQUEST_PREFIX.size:
        return None
    header_length, body_length = REQUEST_PREFIX.unpack(prefix)
    header, body = requests.read(header_length), requests.read(body_length)
    if len(header) + len(body) < header_length + body_length:
        return None
    return decode_request(header, body)


def _limit_cpu(timeout_seconds: float) -> None:
    """Let the kernel end this process should the parent be unable to."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    limit = math.ceil(used + timeout_seconds) + _CPU_GRACE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _answer(engine: Engine, request: Request, answers: BinaryIO) -> None:
    for text in request.texts:
        try:
            payload = encode_value(_perform(engine, text, request))
        except ExpressionError as error:
            payload = encode_error(error)
        answers.write(answer_frame(payload))
        answers.flush()  # finished fields survive a later one that does not end


def _perform(engine: Engine, text: str, request: Request) -> bytes | None:
    match request.task:
        case Task.EVALUATE:
            return engine.evaluate(text, request.body)
        case Task.CHECK:
            check_expression(text)
        case Task.CHECK_DETERMINISTIC:
            check_expression(text, deterministic=True)
    return None


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
