"""A small pool of sandbox processes that evaluate JSONata within limits.

The caller's event loop never waits on an evaluation: processes are spoken to over pipes, killed
when they overrun, and replaced in the background while a spare takes the next call.
"""

import asyncio
import time
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Self

import structlog

from shared.errors import ExpressionError
from shared.expressions.frames import Request, Task
from shared.expressions.limits import refusal
from shared.expressions.process import SandboxProcess
from shared.expressions.turns import Turns

logger = structlog.get_logger(__name__)

#: Of address space; it stands at 25 MiB, and at 85 with the largest expressions compiled.
DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024
_START_SECONDS = 30.0
_RESTART_SECONDS = 1.0
#: Of its time, an expression that runs away uses at least so much of a processor, on a machine
#: where ten others want it as well.
_RUNAWAY_SHARE = 0.1
#: A call that takes more of a processor than this is long: what people write takes milliseconds.
_LONG_CALL_SECONDS = 0.1


class Sandbox:
    """Evaluates expressions in processes of its own; an async context manager.

    Args:
        size: How many calls are served at a time, besides one of owners whose calls run long;
            one process more is kept, for those and as a spare.
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
        self._turns: Turns[SandboxProcess] = Turns(size, clock=time.monotonic)
        self._first_ready = asyncio.Event()
        self._running: set[SandboxProcess] = set()
        self._is_leaving = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the processes; return once the first of them is ready.

        Raises:
            TimeoutError: None of them starts.
        """
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._stack.callback(self._dismiss_keepers)
        for _ in range(self._process_count):
            tasks.create_task(self._keep())
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._first_ready.wait()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every process, whatever it is doing."""
        await self._stack.aclose()

    async def evaluate(
        self,
        expressions: Mapping[str, str],
        body: bytes,
        *,
        timeout_seconds: float,
        owner: Hashable = None,
    ) -> dict[str, object]:
        """Return each expression's value, ``MISSING`` or an ``ExpressionError``, by its name.

        Fields are evaluated in order; those finished before another overran keep their values.
        An error's reason is ``syntax``, ``too_long``, ``forbidden``, ``evaluation``, ``timeout``,
        ``memory``, ``result_size`` or ``crashed``; ``busy`` and ``starved`` are about the moment,
        not the expression: the same call may succeed later.

        Args:
            expressions: Texts by field name.
            body: The JSON that they are evaluated over, as it came.
            timeout_seconds: Wall clock for all of them together, from when a process is free.
            owner: Whose they are: owners have turns, and one whose calls run long stands apart;
                None for nobody's, which never do.
        """
        return await self._outcomes(expressions, Request((), body, timeout_seconds), owner)

    async def check(
        self,
        expressions: Mapping[str, str],
        *,
        deterministic: bool = False,
        timeout_seconds: float,
        owner: Hashable = None,
    ) -> dict[str, ExpressionError]:
        """Return what is wrong with expressions, by name; those that may be saved are absent.

        Args:
            expressions: Texts by field name.
            deterministic: As for ``check_expression``.
            timeout_seconds: Wall clock for all of them together; what takes longer to compile
                fails with reason ``timeout``.
            owner: As for ``evaluate``.
        """
        task = Task.CHECK_DETERMINISTIC if deterministic else Task.CHECK
        request = Request((), b"", timeout_seconds, task)
        outcomes = await self._outcomes(expressions, request, owner)
        return {
            name: outcome
            for name, outcome in outcomes.items()
            if isinstance(outcome, ExpressionError)
        }

    async def _outcomes(
        self, expressions: Mapping[str, str], request: Request, owner: Hashable
    ) -> dict[str, object]:
        outcomes: dict[str, object] = {
            name: error for name, text in expressions.items() if (error := refusal(text))
        }
        texts = {name: text for name, text in expressions.items() if name not in outcomes}
        if texts:
            answers = await self._answers(replace(request, texts=tuple(texts.values())), owner)
            outcomes.update(zip(texts, answers, strict=True))
        return outcomes

    async def _answers(self, request: Request, owner: Hashable) -> list[object]:
        try:
            async with asyncio.timeout(self._queue_seconds):
                turn = await self._turns.take(owner)
        except TimeoutError:
            return _failures(request.texts, self._why_busy(owner), reason="busy")
        try:
            return await self._ask(turn.worker, request, owner)
        finally:
            self._turns.give_back(turn, is_ready=turn.worker.is_clean)

    def _why_busy(self, owner: Hashable) -> str:
        if self._turns.stands_apart(owner):
            return "No sandbox process became free for an owner whose evaluations run long"
        return "No sandbox process became free"

    async def _ask(
        self, process: SandboxProcess, request: Request, owner: Hashable
    ) -> list[object]:
        answers: list[object] = []
        spent_before = process.cpu_seconds()
        try:
            await process.answer(request, answers)
        except TimeoutError:
            rest = request.texts[len(answers) :]
            if process.cpu_seconds() - spent_before < request.timeout_seconds * _RUNAWAY_SHARE:
                return answers + _failures(
                    rest, "The machine was too busy for it", reason="starved"
                )
            answers += _overrun(rest, request.timeout_seconds)
        except (EOFError, ConnectionError):
            answers += _crash(request.texts[len(answers) :])
        spent = process.cpu_seconds() - spent_before
        if owner is not None and (spent > _LONG_CALL_SECONDS or not process.is_clean):
            self._turns.set_apart(owner)
        return answers

    async def _keep(self) -> None:
        """Keep one process alive, replacing it whenever it is given up."""
        while not self._is_leaving:
            try:
                process = await SandboxProcess.start(memory_bytes=self._memory_bytes)
            except OSError:
                logger.exception("sandbox_process_not_started")
                await asyncio.sleep(_RESTART_SECONDS)
                continue
            self._running.add(process)
            try:
                self._turns.add(process)
                self._first_ready.set()
                if not self._is_leaving:
                    await process.given_up.wait()
            finally:
                self._running.discard(process)
                await process.end()

    def _dismiss_keepers(self) -> None:
        # Told rather than cancelled: asyncio leaks a process whose start is cancelled.
        self._is_leaving = True
        for process in self._running:
            process.given_up.set()


def _failures(texts: Sequence[str], message: str, *, reason: str) -> list[object]:
    return [ExpressionError(message, expression=text, reason=reason) for text in texts]


def _overrun(texts: Sequence[str], timeout_seconds: float) -> list[object]:
    message = f"The evaluation took longer than {timeout_seconds:g} s"
    rest = "Not evaluated: an expression before it used up the time"
    return [
        *_failures(texts[:1], message, reason="timeout"),
        *_failures(texts[1:], rest, reason="timeout"),
    ]


def _crash(texts: Sequence[str]) -> list[object]:
    message = "The sandbox process ended unexpectedly"
    rest = "Not evaluated: an expression before it ended the sandbox process"
    return [
        *_failures(texts[:1], message, reason="crashed"),
        *_failures(texts[1:], rest, reason="crashed"),
    ]
