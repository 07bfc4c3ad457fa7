"""Steps: outside of a run, within one, and when they fail."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from postern.testing import run
from worker.workflows.definition import Envelope, workflow
from worker.workflows.steps import (
    StepCall,
    StepFailed,
    carry_out,
    find_step,
    sleep,
    step,
    step_key,
)


class Journal:
    """A run that keeps results, as an engine does, and can be carried on again."""

    run_id = "run-1"

    def __init__(self, kept: list[str] | None = None) -> None:
        self.kept = kept if kept is not None else []
        self._next = 0

    async def step(self, call: StepCall) -> str:
        """Return what is kept, or keep what comes of the call."""
        self._next += 1
        if self._next > len(self.kept):
            self.kept.append(await carry_out(call))
        return self.kept[self._next - 1]

    async def sleep(self, seconds: float) -> None:
        """Pass."""


CALLS: list[tuple[Any, ...]] = []


@step
async def note(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """Note a call with its key."""
    CALLS.append((step_key(), *args, kwargs))
    return args


@step
async def plain(number: int) -> int:
    """Double a number."""
    return number * 2


@step
async def nested(number: int) -> int:
    """Call another step."""
    return await plain(number)


@step(timeout_seconds=0.01)
async def slow() -> None:
    """Take too long."""
    await asyncio.Event().wait()


@workflow("twice")
async def twice(envelope: Envelope) -> dict[str, Any]:
    """Note two things."""
    first = await note(1, (2, 3), name="a")
    await sleep(100)
    return {"first": first, "second": await note(envelope.body)}


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


def _content(body: object) -> Mapping[str, Any]:
    return Envelope(
        source="s",
        tenant_id="t",
        delivery_id="d",
        body=body,
        headers={},
        idempotency_key=None,
        received_at="2026-01-01T00:00:00+00:00",
    ).content()


async def test_run_carried_on_again_calls_no_step_that_has_ended() -> None:
    """The second time results are those of the first, of the same types, without calls."""
    first = Journal()
    result = await twice.carry_on(first, _content("b"))
    assert result == {"first": [1, [2, 3]], "second": ["b"]}
    assert CALLS == [("run-1:1", 1, [2, 3], {"name": "a"}), ("run-1:2", "b", {})]
    assert await twice.carry_on(Journal(first.kept), _content("b")) == result
    assert len(CALLS) == 2


async def test_run_carried_on_again_makes_the_step_that_was_missing() -> None:
    """It has the key that it had."""
    first = Journal()
    await twice.carry_on(first, _content("b"))
    CALLS.clear()
    await twice.carry_on(Journal(first.kept[:1]), _content("b"))
    assert CALLS == [("run-1:2", "b", {})]


async def test_step_outside_of_a_run_is_its_function() -> None:
    """No engine is needed to test one; there is no key either."""
    assert await plain(2) == 4
    with pytest.raises(LookupError):
        await note()


async def test_step_within_a_step_is_a_function() -> None:
    """What a step calls is part of it."""
    run = Journal()

    @workflow("nesting")
    async def nesting(_: Envelope) -> int:
        return await nested(4)

    assert await nesting.carry_on(run, _content(None)) == 8
    assert len(run.kept) == 1


async def test_step_that_takes_too_long_fails() -> None:
    """What it failed of is a result that is kept."""
    run = Journal()

    @workflow("slow")
    async def waiting(_: Envelope) -> None:
        await slow()

    for _ in range(2):
        with pytest.raises(StepFailed) as caught:
            await waiting.carry_on(Journal(run.kept), _content(None))
        assert caught.value.reason.startswith("TimeoutError")
        run.kept = run.kept or [orjson.dumps({"failed": caught.value.reason}).decode()]


async def test_result_that_is_not_json_fails_the_step() -> None:
    """Rather than coming back as something else."""

    @step
    async def odd() -> object:
        return object()

    @workflow("odd")
    async def run_odd(_: Envelope) -> None:
        await odd()

    with pytest.raises(StepFailed, match="not JSON serializable"):
        await run_odd.carry_on(Journal(), _content(None))


def test_steps_are_found_by_name() -> None:
    """What is no step, or of no module that is loaded, is not found."""
    assert find_step(f"{__name__}:plain") is plain
    assert find_step(f"{__name__}:_content") is None
    assert find_step("os:system") is None
    assert find_step("not.loaded:step") is None


def test_workflow_has_its_docstring_as_description() -> None:
    """Unless it is given one."""
    assert twice.description == "Note two things."


def test_workflow_that_is_not_async_is_refused() -> None:
    """At its declaration, not at its first run."""

    def plain_function(_: Envelope) -> Any:
        """Return nothing."""

    with pytest.raises(TypeError, match="no async def"):
        workflow("plain")(plain_function)


async def test_trial_run_calls_steps_as_often_as_asked() -> None:
    """With one key each, so that an effect by that key is there once."""

    @workflow("noting twice")
    async def noting_twice(envelope: Envelope) -> list[Any]:
        await sleep(3600)
        return [await note(envelope.body), await note(envelope.source)]

    CALLS.clear()
    assert await run(noting_twice, {"a": 1}, calls=2) == [[{"a": 1}], ["trial"]]
    keys = [key for key, *_ in CALLS]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert [key.rpartition(":")[2] for key in keys] == ["1", "1", "2", "2"]
