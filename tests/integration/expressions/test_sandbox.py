"""Expectations on the pool of sandbox processes: limits, replacement, isolation, shutdown."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import orjson
import pytest

from shared.errors import ExpressionError
from shared.expressions.evaluator import Evaluator
from shared.expressions.frames import Request, encode_request
from shared.expressions.plain import MISSING, parse_expression
from shared.expressions.process import SandboxProcess
from shared.expressions.sandbox import Sandbox
from tests.stopwatch import Stopwatch

ENDLESS = "($f := function() { $f() }; $f())"
BODY = b'{"items":[1,2,3],"nothing":null,"big":18446744073709551615}'


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox that serves one call at a time."""
    # On a busy machine a process takes seconds to start, which is no matter here.
    async with Sandbox(size=1, queue_seconds=30) as sandbox:
        yield sandbox


def _reason(outcome: object) -> str:
    assert isinstance(outcome, ExpressionError)
    return outcome.reason


async def _sum(sandbox: Sandbox) -> object:
    return (await sandbox.evaluate({"x": "$sum(items)"}, BODY, timeout_seconds=5))["x"]


def _processes(sandbox: Sandbox) -> list[SandboxProcess]:
    return list(sandbox._turns.idle)


async def _until(condition: object, *, seconds: float = 30) -> None:
    assert callable(condition)
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)


async def test_each_field_has_its_own_outcome(sandbox: Sandbox) -> None:
    """Values, null, undefined and failures stand side by side under their names."""
    results = await sandbox.evaluate(
        {
            "sum": "$sum(items)",
            "null": "nothing",
            "absent": "absent",
            "big": "big",
            "syntax": "items[",
            "failing": "1 + 'a'",
            "long": "'" + "x" * 20_000 + "'",
            "surrogate": "'\ud800'",
        },
        BODY,
        timeout_seconds=5,
    )

    assert (results["sum"], results["null"], results["absent"]) == (6, None, MISSING)
    assert results["big"] == 2**64 - 1
    assert _reason(results["syntax"]) == "syntax"
    assert _reason(results["failing"]) == "evaluation"
    assert _reason(results["long"]) == "too_long"
    assert _reason(results["surrogate"]) == "syntax"


async def test_nothing_to_evaluate_needs_no_process() -> None:
    """Not even a started sandbox."""
    assert await Sandbox(size=1).evaluate({}, BODY, timeout_seconds=1) == {}


async def test_a_failure_names_expression_and_position(sandbox: Sandbox) -> None:
    """So that a delivery can show what to mend."""
    results = await sandbox.evaluate({"x": "items[0"}, BODY, timeout_seconds=5)

    error = results["x"]
    assert isinstance(error, ExpressionError)
    assert (error.expression, error.position) == ("items[0", 7)


async def test_an_overrun_is_killed_and_the_spare_takes_over(sandbox: Sandbox) -> None:
    """Finished fields keep their values; the next caller does not wait for a new process."""
    await _until(lambda: len(_processes(sandbox)) == 2)
    watch = Stopwatch()
    results = await sandbox.evaluate(
        {"before": "$sum(items)", "endless": ENDLESS, "after": "1 + 1"},
        BODY,
        timeout_seconds=0.2,
    )
    overrun_seconds = watch.seconds
    watch = Stopwatch()
    following = await _sum(sandbox)
    following_seconds = watch.seconds

    assert results["before"] == 6
    assert _reason(results["endless"]) == "timeout"
    assert "before it" in str(results["after"])
    assert overrun_seconds < 0.5
    assert following == 6
    assert following_seconds < 0.1


async def test_a_killed_process_is_replaced(sandbox: Sandbox) -> None:
    """After any number of overruns there are as many processes as before, none of them old."""
    await _until(lambda: len(_processes(sandbox)) == 2)
    before = {process.pid for process in _processes(sandbox)}
    for _ in range(3):
        results = await sandbox.evaluate({"x": ENDLESS}, BODY, timeout_seconds=0.05)
        assert _reason(results["x"]) == "timeout"

    await _until(lambda: len(_processes(sandbox)) == 2)
    assert before.isdisjoint(process.pid for process in _processes(sandbox))


async def test_the_event_loop_never_waits(sandbox: Sandbox) -> None:
    """While an evaluation runs away, everything else goes on."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(tick())
        await sandbox.evaluate({"x": "$sum([1..10000000])"}, BODY, timeout_seconds=0.4)
        ticking.cancel()

    assert ticks > 10


async def test_a_call_that_finds_no_free_process_in_time_is_busy() -> None:
    """Waiting for a turn is bounded, and told apart from an evaluation that took too long."""
    async with Sandbox(size=1, queue_seconds=0.05) as sandbox:
        endless, second = await asyncio.gather(
            sandbox.evaluate({"x": ENDLESS}, BODY, timeout_seconds=0.4),
            sandbox.evaluate({"x": "1 + 1", "y": "items["}, BODY, timeout_seconds=5),
        )

        assert _reason(endless["x"]) == "timeout"
        assert [_reason(outcome) for outcome in second.values()] == ["busy", "busy"]


async def test_an_evaluation_on_a_machine_that_is_too_busy_is_no_overrun() -> None:
    """A process that gets no processor is starved: the expression may be as simple as can be."""
    async with Sandbox(size=1) as sandbox:
        assert await _sum(sandbox) == 6
        os.kill(_processes(sandbox)[-1].pid, signal.SIGSTOP)
        results = await sandbox.evaluate(
            {"x": "$sum(items)", "y": "1 + 1"}, BODY, timeout_seconds=0.2
        )

        assert [_reason(outcome) for outcome in results.values()] == ["starved", "starved"]
        assert await _sum(sandbox) == 6


async def test_waiting_for_a_turn_does_not_use_up_the_time(sandbox: Sandbox) -> None:
    """The clock of an evaluation starts when a process is free."""
    _, second = await asyncio.gather(
        sandbox.evaluate({"x": ENDLESS}, BODY, timeout_seconds=0.4),
        sandbox.evaluate({"x": "$sum(items)"}, BODY, timeout_seconds=0.2),
    )

    assert second == {"x": 6}


@pytest.mark.parametrize(("limit_mib", "fits"), [(128, False), (512, True)])
async def test_the_memory_limit_holds(limit_mib: int, fits: bool) -> None:
    """What needs more than the limit is refused as such, and the rest of the call goes on."""
    async with Sandbox(size=1, memory_bytes=limit_mib * 1024 * 1024) as sandbox:
        results = await sandbox.evaluate(
            {"x": "$length($pad('', 150000000))", "y": "$sum(items)"}, BODY, timeout_seconds=10
        )

        assert results["x"] == 150_000_000 if fits else _reason(results["x"]) == "memory"
        assert results["y"] == 6
        assert await _sum(sandbox) == 6


async def test_the_kernel_ends_what_the_parent_does_not() -> None:
    """A parent that hangs keeps no clock; processor time has a limit of its own."""
    process = await SandboxProcess.start(memory_bytes=512 * 1024 * 1024)
    process._stdin.write(encode_request(Request((ENDLESS,), BODY, timeout_seconds=0.01)))

    # Its second of processor time takes many where others want the processors too.
    await _until(lambda: process.has_ended, seconds=60)
    await process.end()


async def test_a_process_that_has_grown_is_replaced() -> None:
    """Memory that one tenant's expressions leave occupied is not missing to the next."""
    async with Sandbox(size=1, memory_bytes=128 * 1024 * 1024) as sandbox:
        await _until(lambda: len(_processes(sandbox)) == 2)
        used = _processes(sandbox)[-1]
        body = orjson.dumps({"text": "x" * 1000})
        patterns = {
            f"p{number}": f"$contains(text, /{'(x?){50}' * 8}y{number}/)" for number in range(40)
        }
        results = await sandbox.evaluate(patterns, body, timeout_seconds=30)

        assert set(results.values()) == {False}
        assert used.given_up.is_set()
        assert await _sum(sandbox) == 6


async def test_a_crash_concerns_its_call_only(sandbox: Sandbox) -> None:
    """A process that dies under a call gives that call an error, and the next a new process."""
    await _until(lambda: len(_processes(sandbox)) == 2)
    used = _processes(sandbox)[-1]
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(
            sandbox.evaluate({"x": ENDLESS, "y": "1 + 1"}, BODY, timeout_seconds=10)
        )
        await _until(lambda: used not in _processes(sandbox))
        os.kill(used.pid, signal.SIGSEGV)

    assert {_reason(outcome) for outcome in call.result().values()} == {"crashed"}
    assert await _sum(sandbox) == 6


async def test_a_process_that_died_while_idle_is_passed_over(sandbox: Sandbox) -> None:
    """The kernel may kill any process at any time; no call pays for one that idled."""
    await _until(lambda: len(_processes(sandbox)) == 2)
    for process in _processes(sandbox):
        os.kill(process.pid, signal.SIGKILL)
    processes = _processes(sandbox)
    await _until(lambda: all(process.has_ended for process in processes))

    assert await _sum(sandbox) == 6


async def test_a_cancelled_call_leaves_no_process_half_read(sandbox: Sandbox) -> None:
    """The answer to an abandoned request must never reach the next caller."""
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sandbox.evaluate({"x": ENDLESS}, BODY, timeout_seconds=10)

    assert await _sum(sandbox) == 6


async def test_leaving_ends_every_process() -> None:
    """Also one that is busy: nothing is left behind."""
    async with Sandbox(size=1) as sandbox:
        await _until(lambda: len(_processes(sandbox)) == 2)
        pids = [str(process.pid) for process in _processes(sandbox)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sandbox.evaluate({"x": ENDLESS}, BODY, timeout_seconds=10)

    assert not any(_is_running(pid) for pid in pids)


async def test_an_interrupt_at_the_terminal_does_not_reach_the_processes(
    sandbox: Sandbox,
) -> None:
    """Ctrl-C goes to the whole foreground group; a drain still needs its evaluations."""
    await _until(lambda: len(_processes(sandbox)) == 2)
    for process in _processes(sandbox):
        assert os.getsid(process.pid) == process.pid
        os.kill(process.pid, signal.SIGINT)

    assert await _sum(sandbox) == 6


async def test_the_processes_know_no_secrets(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their environment is made up, not inherited."""
    await _until(lambda: len(_processes(sandbox)) == 2)

    for process in _processes(sandbox):
        assert _environment(process.pid) == b"PYTHONUTF8=1"


_ORPHANING = f"""
import asyncio
from shared.expressions.sandbox import Sandbox

async def main():
    async with Sandbox(size=2) as sandbox:
        while len(sandbox._turns.idle) < 3:
            await asyncio.sleep(0.01)
        print(*(process.pid for process in sandbox._turns.idle), flush=True)
        await sandbox.evaluate({{"x": "{ENDLESS}"}}, b"{{}}", timeout_seconds=600)

asyncio.run(main())
"""


async def test_processes_end_with_their_parent() -> None:
    """Killed without warning, a program leaves no evaluation running."""
    root = Path(__file__).parents[3]
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ORPHANING, cwd=root, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pids = (await parent.stdout.readline()).decode().split()
    assert len(pids) == 3
    await _until(lambda: any(_cpu_ticks(pid) > 30 for pid in pids))

    parent.kill()
    await parent.communicate()

    await _until(lambda: not any(_is_running(pid) for pid in pids))


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes().strip(b"\0")


def _stat(pid: str) -> list[str]:
    """Return the fields of a process's stat from its state on; none once it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _is_running(pid: str) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])


def _cpu_ticks(pid: str) -> int:
    return int((_stat(pid) or ["0"] * 12)[11])


async def test_the_callers_process_never_loads_the_engine() -> None:
    """A gateway's memory holds the client and the short way, not JSONata."""
    root = Path(__file__).parents[3]
    script = "import sys, shared.expressions.evaluator; print('jsonata' in sys.modules)"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=root, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()

    assert output == b"False\n"


async def test_check_tells_what_may_not_be_saved(sandbox: Sandbox) -> None:
    """By name, with position and reason; nothing is said about what is right."""
    faults = await sandbox.check(
        {"good": "$now()", "bad": "a.", "eval": "$eval(a)", "long": "x" * 20_000},
        timeout_seconds=5,
    )
    varying = await sandbox.check({"key": "$now()"}, deterministic=True, timeout_seconds=5)

    assert {name: error.reason for name, error in faults.items()} == {
        "bad": "syntax",
        "eval": "forbidden",
        "long": "too_long",
    }
    assert faults["bad"].position == 2
    assert varying["key"].reason == "forbidden"


async def test_check_is_bounded_too(sandbox: Sandbox) -> None:
    """Some texts within the length limit take seconds to compile."""
    faults = await sandbox.check({"x": "a.b" + ".%" * 5000}, timeout_seconds=0.2)

    assert faults["x"].reason == "timeout"


async def test_an_evaluator_mixes_the_short_way_and_the_sandbox(sandbox: Sandbox) -> None:
    """Both kinds of answers arrive under their names, in the order asked for."""
    expressions = {
        name: parse_expression(text)
        for name, text in {
            "computed": "$sum(items)",
            "plain": "items",
            "literal": "'x'",
            "through": "items.id",
            "failing": "items[",
        }.items()
    }

    results = await Evaluator(sandbox).evaluate(
        expressions, orjson.loads(BODY), BODY, timeout_seconds=5
    )

    assert list(results) == list(expressions)
    assert (results["computed"], results["plain"]) == (6, [1, 2, 3])
    assert (results["literal"], results["through"]) == ("x", MISSING)
    assert _reason(results["failing"]) == "syntax"


async def test_a_large_body_passes(sandbox: Sandbox) -> None:
    """Larger than any pipe's buffer, there and back."""
    body = orjson.dumps({"text": "é" * 1_000_000})

    results = await sandbox.evaluate(
        {"x": "$length(text)", "y": "$substring(text, 0, 100000)"}, body, timeout_seconds=5
    )

    assert results == {"x": 1_000_000, "y": "é" * 100_000}
