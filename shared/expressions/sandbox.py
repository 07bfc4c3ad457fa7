"""A small pool of sandbox processes that evaluate JSONata within limits.

The caller's event loop never waits on an evaluation: processes are spoken to over pipes, killed
when they overrun, and replaced in the background while a spare takes the next call.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Self

import structlog

from shared.errors import ExpressionError
from shared.expressions.limits import refusal
from shared.expressions.process import SandboxProcess

logger = structlog.get_logger(__name__)

DEFAULT_MEMORY_BYTES = 512 * 1024 * 1024
_START_SECONDS = 30.0
_RESTART_SECONDS = 1.0


class Sandbox:
    """Evaluates expressions in processes of its own; an async context manager.

    Args:
        size: How many calls are served at a time; one process more is kept as a spare.
        memory_bytes: Address space of each process.
        queue_seconds: How long a call may wait for a free process before it fails as ``busy``.
    """

    def __init__(
        self,
        *,
        size: int,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        queue_seconds: float = 1.0,
    ) -> None:
        self._process_count = size + 1
        self._memory_bytes = memory_bytes
        self._queue_seconds = queue_seconds
        self._turns = asyncio.Semaphore(size)
        # Last in, first out: the process used last has the expressions compiled already.
        self._idle: asyncio.LifoQueue[SandboxProcess] = asyncio.LifoQueue()
        self._keepers: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the processes; return once the first of them is ready.

        Raises:
            TimeoutError: None of them starts.
        """
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._keepers = [tasks.create_task(self._keep()) for _ in range(self._process_count)]
        self._stack.callback(self._dismiss_keepers)
        try:
            async with asyncio.timeout(_START_SECONDS):
                self._idle.put_nowait(await self._idle.get())
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every process, whatever it is doing."""
        await self._stack.aclose()

    async def evaluate(
        self, expressions: Mapping[str, str], body: bytes, *, timeout_seconds: float
    ) -> dict[str, object]:
        """Return each expression's value, ``MISSING`` or an ``ExpressionError``, by its name.

        Fields are evaluated in order; those finished before another overran keep their values.
        An error's reason is ``syntax``, ``too_long``, ``forbidden``, ``evaluation``, ``timeout``,
        ``memory``, ``result_size`` or ``crashed``; ``busy`` is about the moment, not the
        expression: the same call may succeed later.

        Args:
            expressions: Texts by field name.
            body: The JSON that they are evaluated over, as it came.
            timeout_seconds: Wall clock for all of them together, from when a process is free.
        """
        results: dict[str, object] = {
            name: error for name, text in expressions.items() if (error := refusal(text))
        }
        texts = {name: text for name, text in expressions.items() if name not in results}
        if texts:
            answers = await self._answers(list(texts.values()), body, timeout_seconds)
            results.update(zip(texts, answers, strict=True))
        return results

    async def _answers(
        self, texts: Sequence[str], body: bytes, timeout_seconds: float
    ) -> list[object]:
        try:
            async with asyncio.timeout(self._queue_seconds):
                await self._turns.acquire()
        except TimeoutError:
            return _failures(texts, "No sandbox process became free in time", reason="busy")
        try:
            return await self._answers_in_turn(texts, body, timeout_seconds)
        finally:
            self._turns.release()

    async def _answers_in_turn(
        self, texts: Sequence[str], body: bytes, timeout_seconds: float
    ) -> list[object]:
        try:
            async with asyncio.timeout(self._queue_seconds):
                process = await self._take()
        except TimeoutError:
            return _failures(texts, "No sandbox process started in time", reason="busy")
        answers: list[object] = []
        try:
            await process.evaluate(texts, body, answers, timeout_seconds=timeout_seconds)
        except TimeoutError:
            answers += _overrun(texts[len(answers) :], timeout_seconds)
        except (EOFError, ConnectionError):
            answers += _failures(
                texts[len(answers) :], "The sandbox process ended unexpectedly", reason="crashed"
            )
        finally:
            self._give_back(process)
        return answers

    async def _take(self) -> SandboxProcess:
        process = await self._idle.get()
        while process.has_ended:  # killed while idle, by the kernel or an operator
            process.given_up.set()
            process = await self._idle.get()
        return process

    def _give_back(self, process: SandboxProcess) -> None:
        if process.is_clean:
            self._idle.put_nowait(process)
        else:
            process.given_up.set()

    async def _keep(self) -> None:
        """Keep one process alive, replacing it whenever it is given up."""
        while True:
            try:
                process = await SandboxProcess.start(memory_bytes=self._memory_bytes)
            except OSError:
                logger.exception("sandbox_process_not_started")
                await asyncio.sleep(_RESTART_SECONDS)
                continue
            try:
                self._idle.put_nowait(process)
                await process.given_up.wait()
            finally:
                await process.end()

    def _dismiss_keepers(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()


def _failures(texts: Sequence[str], message: str, *, reason: str) -> list[object]:
    return [ExpressionError(message, expression=text, reason=reason) for text in texts]


def _overrun(texts: Sequence[str], timeout_seconds: float) -> list[object]:
    message = f"The evaluation took longer than {timeout_seconds:g} s"
    rest = "Not evaluated: an expression before it used up the time"
    return [
        *_failures(texts[:1], message, reason="timeout"),
        *_failures(texts[1:], rest, reason="timeout"),
    ]
