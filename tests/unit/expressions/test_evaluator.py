"""Expectations on an evaluator whose expressions are all plain."""

from shared.expressions.evaluator import Evaluator
from shared.expressions.plain import MISSING, parse_expression
from shared.expressions.sandbox import Sandbox


async def test_plain_expressions_need_no_sandbox() -> None:
    """The sandbox was never started: whoever asked it would wait and fail."""
    texts = {"id": "event.id", "kind": "'workstation'", "all": "$", "absent": "nope"}
    document = {"event": {"id": 7}}

    results = await Evaluator(Sandbox(size=1, queue_seconds=0)).evaluate(
        {name: parse_expression(text) for name, text in texts.items()},
        document,
        b"",
        timeout_seconds=1,
    )

    assert results == {"id": 7, "kind": "workstation", "all": document, "absent": MISSING}


async def test_a_sandbox_that_never_started_is_busy() -> None:
    """The negative of the above: what is not plain does ask."""
    results = await Evaluator(Sandbox(size=1, queue_seconds=0)).evaluate(
        {"x": parse_expression("1 + 1")}, {}, b"{}", timeout_seconds=1
    )

    assert getattr(results["x"], "reason", None) == "busy"
