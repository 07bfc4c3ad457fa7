"""The highest rate that a system handles: all is accepted, and what waits does not grow."""

import time
from time import perf_counter

from tests.benchmark.effects import Effects
from tests.benchmark.steady import SteadyLoad

_FIRST_RATE = 100.0
_GROWTH = 1.3
#: Of each rate; what waits is compared between its middle and its end.
_STEP_SECONDS = 8.0
#: Growth of what waits, in seconds of arrivals, that is still taken for chance.
_SLACK_SECONDS = 0.3
_REST_RATE = 5.0
_REST_SECONDS = 120.0
#: Between the last rate that held and the first that did not.
_REFINEMENTS = 2


def find_capacity(load: SteadyLoad, effects: Effects) -> float:
    """Return the rate per second, to about a tenth; the load is light afterwards."""
    held, rate = 0.0, _FIRST_RATE
    while _holds(load, effects, rate):
        held, rate = rate, rate * _GROWTH
    missed = rate
    for _ in range(_REFINEMENTS if held else 0):
        middle = (held + missed) / 2
        if _holds(load, effects, middle):
            held = middle
        else:
            missed = middle
    if not held:
        raise RuntimeError(f"{_FIRST_RATE:g} a second are too many")
    return held


def _holds(load: SteadyLoad, effects: Effects, rate: float) -> bool:
    refused_before = sum(load.refusals.values())
    load.per_second = rate
    _let_pass(load, _STEP_SECONDS / 2)
    waiting_before = effects.pending_count()
    _let_pass(load, _STEP_SECONDS / 2)
    waiting = effects.pending_count()
    refused = sum(load.refusals.values()) - refused_before
    holds = not refused and waiting - waiting_before <= rate * _SLACK_SECONDS
    print(
        f"{rate:.0f}/s: {waiting:,} wait, {waiting_before:,} did before; "
        f"{'holds' if holds else 'too much'}",
        flush=True,
    )
    if not holds:
        _rest(load, effects)
    return holds


def _rest(load: SteadyLoad, effects: Effects) -> None:
    """Let what waits be handled."""
    load.per_second = _REST_RATE
    deadline = perf_counter() + _REST_SECONDS
    while effects.pending_count() > _REST_RATE and perf_counter() < deadline:
        _let_pass(load, 0.5)


def _let_pass(load: SteadyLoad, seconds: float) -> None:
    load.check()
    time.sleep(seconds)
