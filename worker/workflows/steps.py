"""Durable steps: what authors of workflows do their work in, and what an engine gives to a run.

Outside of a run a step is the function that it was made of, so that it can be tested as such.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

import orjson

from shared.observability.logging import get_logger

_LOGGER = get_logger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_LONGEST_REASON = 500

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class StepFailed(Exception):
    """A step raised in each of its attempts; ends the run unless the workflow catches it."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        #: Type and text of what it raised last.
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCall:
    """One step of one run."""

    step: "Step[..., Any]"
    #: JSON text of a list of positional arguments and an object of named ones.
    arguments: str
    #: The idempotency key of its effect.
    key: str


class EngineRun(Protocol):
    """What an engine gives to a run."""

    @property
    def run_id(self) -> str:
        """The same whenever the run is carried on."""
        ...

    async def step(self, call: StepCall) -> str:
        """Return what ``carry_out`` returned of a call, once it has; then without calling it."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, whatever becomes of the worker meanwhile."""
        ...


@dataclass(slots=True)
class _Current:
    run: EngineRun
    #: Steps called so far.
    count: int = field(default=0)


_RUN: ContextVar[_Current | None] = ContextVar("workflow_run", default=None)
_KEY: ContextVar[str | None] = ContextVar("workflow_step_key", default=None)


@dataclass(frozen=True, slots=True)
class Step(Generic[Arguments, Result]):
    """A function that a run calls until it has returned once, and whose result is then kept."""

    #: Module and qualified name, by which other workers find it.
    name: str
    function: Callable[Arguments, Awaitable[Result]]
    attempts: int
    timeout_seconds: float

    @property
    def longest_seconds(self) -> float:
        """How long all attempts and the pauses between them may take together."""
        pauses = (
            min(_FIRST_PAUSE_SECONDS * 2.0**number, _LONGEST_PAUSE_SECONDS)
            for number in range(self.attempts - 1)
        )
        return self.attempts * self.timeout_seconds + sum(pauses)

    async def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call the step in the run that this is called in, or the function where there is none.

        Raises:
            StepFailed: It raised in each of its attempts.
        """
        current = _RUN.get()
        if current is None:
            return await self.function(*args, **kwargs)
        current.count += 1
        call = StepCall(
            step=self,
            arguments=orjson.dumps([args, kwargs]).decode(),
            key=f"{current.run.run_id}:{current.count}",
        )
        answer = orjson.loads(await current.run.step(call))
        if "failed" in answer:
            raise StepFailed(self.name, answer["failed"])
        result: Result = answer["result"]
        return result


@overload
def step(function: Callable[Arguments, Awaitable[Result]], /) -> Step[Arguments, Result]: ...


@overload
def step(
    *, attempts: int = 1, timeout_seconds: float = 60.0
) -> Callable[[Callable[Arguments, Awaitable[Result]]], Step[Arguments, Result]]: ...


def step(
    function: Callable[..., Awaitable[Any]] | None = None,
    /,
    *,
    attempts: int = 1,
    timeout_seconds: float = 60.0,
) -> Any:
    """Declare a step: an ``async def`` of a module whose arguments and result are JSON.

    A worker that dies during the call leaves it to be made again: a step happens at least once,
    and after its result is kept, never again. ``step_key`` tells it a key by which to have its
    effect once. One that raises, or takes longer than ``timeout_seconds``, is called again after
    1 s, 2 s, 4 s, and so on, up to ``attempts`` times.
    """

    def declare(function: Callable[..., Awaitable[Any]]) -> Step[..., Any]:
        name = f"{function.__module__}:{function.__qualname__}"
        return Step(name, function, attempts, timeout_seconds)

    return declare if function is None else declare(function)


async def sleep(seconds: float) -> None:
    """Have a run wait, whatever becomes of its worker meanwhile; outside of one, wait."""
    current = _RUN.get()
    await (asyncio.sleep(seconds) if current is None else current.run.sleep(seconds))


def step_key() -> str:
    """Return the idempotency key of the step that calls this: run id, colon, number of the step.

    The same however often the step is called; another run's or step's is another.

    Raises:
        LookupError: Called outside of a run.
    """
    key = _KEY.get()
    if key is None:
        raise LookupError("there is no step whose key this could be")
    return key


@contextmanager
def inside(run: EngineRun) -> Iterator[None]:
    """Have steps that are called within it be those of a run."""
    token = _RUN.set(_Current(run))
    try:
        yield
    finally:
        _RUN.reset(token)


def find_step(name: str) -> Step[..., Any] | None:
    """Return a step of a module that is loaded."""
    module, _, qualified = name.partition(":")
    found = getattr(sys.modules.get(module), qualified, None)
    return found if isinstance(found, Step) else None


async def carry_out(call: StepCall) -> str:
    """Call a step's function, as often as it may be, and return JSON text of what came of it."""
    pause_seconds = _FIRST_PAUSE_SECONDS
    reason = ""
    for attempt in range(1, call.step.attempts + 1):
        try:
            return await _called(call)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
            _LOGGER.warning(
                "workflow_step_failed",
                step=call.step.name,
                key=call.key,
                attempt=attempt,
                exc_info=error,
            )
        if attempt < call.step.attempts:
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
    return orjson.dumps({"failed": reason}).decode()


async def _called(call: StepCall) -> str:
    args, kwargs = orjson.loads(call.arguments)
    # A step that calls another one calls a function.
    run_token, key_token = _RUN.set(None), _KEY.set(call.key)
    try:
        async with asyncio.timeout(call.step.timeout_seconds):
            result = await call.step.function(*args, **kwargs)
    finally:
        _RUN.reset(run_token)
        _KEY.reset(key_token)
    return orjson.dumps({"result": result}).decode()
