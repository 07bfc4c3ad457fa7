"""The parent's end of one sandbox process."""

import asyncio
import math
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from shared.expressions.frames import (
    ANSWER_PREFIX,
    MAX_ANSWER_BYTES,
    Closing,
    Request,
    decode_answer,
    encode_request,
)

#: Where the packages lie; the process gets no environment to find them by.
_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0


class SandboxProcess:
    """One sandbox process, for one request at a time."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None  # noqa: S101 - both are pipes by construction
        assert process.stdout is not None  # noqa: S101 - likewise
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        #: Whether it may take another request; false while one is under way or was broken off.
        self.is_clean = True
        #: Set when it is to be ended and replaced.
        self.given_up = asyncio.Event()

    @classmethod
    async def start(cls, *, memory_bytes: int) -> "SandboxProcess":
        """Start a process and wait until it can take a request.

        Raises:
            OSError: It did not start.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "shared.expressions.sandbox_process",
            str(memory_bytes),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=_ROOT,
            env={"PYTHONUTF8": "1"},  # none of the parent's: it holds secrets
            start_new_session=True,
        )
        started = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await started._read_frame()
        except BaseException as error:
            await started.end()
            if isinstance(error, EOFError | TimeoutError):
                raise OSError("a sandbox process did not start") from error
            raise
        return started

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Return how much of the processor the process has had so far.

        Source: the clock of another process, man 3 clock_getcpuclockid; Linux numbers it so.
        """
        try:
            return time.clock_gettime(~self.pid << 3 | 2)
        except OSError:  # it has ended, and been waited for
            return math.inf

    @property
    def has_ended(self) -> bool:
        """Whether the process is known to have ended."""
        return self._process.returncode is not None

    def give_up(self) -> None:
        """Have it ended and replaced."""
        self.given_up.set()

    async def answer(self, request: Request, answers: list[object]) -> None:
        """Append the answer to each expression, in order, as they come in.

        Raises:
            TimeoutError: The time is over; the process must be ended.
            EOFError: The process ended by itself.
            ConnectionError: Likewise.
        """
        self.is_clean = False
        async with asyncio.timeout(request.timeout_seconds):
            self._stdin.write(encode_request(request))
            await self._stdin.drain()
            while len(answers) < len(request.texts):
                text = request.texts[len(answers)]
                answers.append(decode_answer(await self._read_frame(), text))
            closing = decode_answer(await self._read_frame())
        self.is_clean = isinstance(closing, Closing) and not closing.retire

    async def end(self) -> None:
        """Kill the process, wait for it and free its pipes."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()

    async def _read_frame(self) -> bytes:
        (length,) = ANSWER_PREFIX.unpack(await self._stdout.readexactly(ANSWER_PREFIX.size))
        if length > MAX_ANSWER_BYTES:
            raise EOFError("a sandbox process sent no frame")
        return await self._stdout.readexactly(length)
