"""Expectations on a sandbox under attack: every expression is stopped, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.errors import ExpressionError
from shared.expressions.plain import MISSING
from shared.expressions.sandbox import Sandbox
from tests.integration.expressions.hostile import HOSTILE
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIMEOUT_SECONDS = 0.25
#: What the event loop and a busy machine may add before the caller has its answer.
SLACK_SECONDS = 0.75
REASONS = {"syntax", "forbidden", "evaluation", "timeout", "memory", "result_size", "crashed"}
BODY = b'{"a":{"b":1},"items":[1,2,3]}'


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    """One sandbox for the whole corpus: it has to outlive all of it."""
    async with Sandbox(size=2, queue_seconds=10.0) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_expression_harms_nobody(sandbox: Sandbox, name: str) -> None:
    """It ends in time with a value or a precise reason; a neighbour and the next are served."""
    async with asyncio.timeout(60):
        while sandbox._idle.qsize() < 2:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    watch = Stopwatch()
    hostile, neighbour = await asyncio.gather(
        sandbox.evaluate({"x": HOSTILE[name]}, BODY, timeout_seconds=TIMEOUT_SECONDS),
        sandbox.evaluate({"x": "$sum(items)"}, BODY, timeout_seconds=10.0),
    )
    elapsed = watch.seconds
    following = await sandbox.evaluate({"x": "$max(items)"}, BODY, timeout_seconds=10.0)

    outcome = hostile["x"]
    if isinstance(outcome, ExpressionError):
        assert outcome.reason in REASONS
        assert str(outcome)
    assert elapsed < TIMEOUT_SECONDS + SLACK_SECONDS
    assert neighbour == {"x": 6}
    assert following == {"x": 3}


@pytest.mark.parametrize("name", ["eval", "eval_by_another_name", "eval_in_a_chain"])
async def test_eval_is_refused(sandbox: Sandbox, name: str) -> None:
    """Not only on save: an expression stored before the rule is refused as well."""
    results = await sandbox.evaluate({"x": HOSTILE[name]}, BODY, timeout_seconds=10.0)

    assert isinstance(results["x"], ExpressionError)
    assert results["x"].reason == "forbidden"


async def test_python_does_not_show_through(sandbox: Sandbox) -> None:
    """Names are keys of the document, never attributes."""
    results = await sandbox.evaluate({"x": HOSTILE["dunder_names"]}, BODY, timeout_seconds=10.0)

    assert results == {"x": MISSING}
