"""Takes one protection away, to show that the check would notice its absence."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Literal, LiteralString

import psycopg

from deploy.local.program import Program
from deploy.local.stack import HOST
from shared.database.queries import Queries
from shared.embedded.ports import free_port
from tests.e2e.harness import Stack
from tests.faults import saboteur
from tests.faults.scene import Gateway
from tests.faults.starvation import pid_of

_QUERIES = Queries(__package__, "sabotage.sql")
_MOST_DEADLOCKS = 10
_NOTHING: Mapping[str, str] = MappingProxyType({})

Protection = Literal[
    "outbox", "idempotency", "closing", "ending", "rejecting", "leasing", "dead_letters"
]


@contextmanager
def without(stack: Stack, protection: Protection) -> Iterator[None]:
    """Break a protection inside the database, for all webhooks."""
    _run(stack, "tools")
    _run(stack, f"break_{protection}")
    try:
        yield
    finally:
        _run(stack, f"mend_{protection}")


@contextmanager
def gateway(stack: Stack, switch: str) -> Iterator[Gateway]:
    """Run one more gateway, with a switch of ``tests/faults/saboteur.py``."""
    port = free_port()
    program = Program(
        f"gateway-{switch}",
        module="gateway",
        environment={
            **stack.system.programs["gateway-1"].environment,
            "POSTERN_GATEWAY_PORT": str(port),
            "POSTERN_GATEWAY_OPERATIONS_PORT": str(free_port()),
        },
        log_dir=stack.system.programs["gateway-1"].log_path.parent,
    )
    program.arguments = _saboteur("gateway", [switch])
    program.start()
    try:
        program.wait_ready()
        yield Gateway(program.name, HOST, port, pid_of(program))
    finally:
        program.stop()


@contextmanager
def workers(stack: Stack, *switches: str) -> Iterator[None]:
    """Run the workers with switches of ``tests/faults/saboteur.py``."""
    usual = {program.name: program.environment for program in _workers(stack)}
    try:
        restart_workers(stack, *switches)
        yield
    finally:
        for program in _workers(stack):
            program.environment = usual[program.name]
        restart_workers(stack)


def restart_workers(stack: Stack, *switches: str, settings: Mapping[str, str] = _NOTHING) -> None:
    """Start all workers anew, with other switches and further settings."""
    for program in _workers(stack):
        program.stop()
    for program in _workers(stack):
        program.arguments = _saboteur("worker", switches) if switches else ("-m", "worker")
        program.environment = {**program.environment, **settings}
        program.start()
    for program in _workers(stack):
        program.wait_ready()


@contextmanager
def stumbling(stack: Stack, share: float) -> Iterator[None]:
    """Let a share of all handlings fail before their effect."""
    _run(stack, "stumble", share)
    try:
        yield
    finally:
        _run(stack, "stumble", 0.0)


@contextmanager
def without_flushing(stack: Stack) -> Iterator[None]:
    """Let PostgreSQL report commits that are nowhere but in its memory."""
    for name in ("break_flushing", "break_flushing_delay", "reload"):
        _run(stack, name)
    try:
        yield
    finally:
        for name in ("mend_flushing", "reload"):
            _run(stack, name)


def forget_effects(stack: Stack, event_id: str) -> None:
    """Remove the trace of an event's handling."""
    _run(stack, "forget_effects", event_id)


def add_effect(stack: Stack, event_id: str) -> None:
    """Leave one more trace of an event's handling."""
    _run(stack, "add_effect", event_id)


def forget_delivery(stack: Stack, delivery_id: str) -> None:
    """Remove a delivery from the ledger."""
    _run(stack, "forget_delivery", delivery_id)


def _workers(stack: Stack) -> list[Program]:
    return [item for item in stack.system.programs.values() if item.module == "worker"]


def _saboteur(module: str, switches: Sequence[str]) -> Sequence[str]:
    return ("-m", saboteur.__name__, module, *switches)


def _run(stack: Stack, name: str, *arguments: str | float) -> None:
    execute_at_last(stack.dsn, _QUERIES[name], *arguments)


def execute_at_last(dsn: str, query: LiteralString, *arguments: str | float) -> None:
    """Execute a query, again where it was the victim of a deadlock.

    What changes triggers locks one table after the other, in another order than the programs that
    go on meanwhile.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(_MOST_DEADLOCKS):
            with suppress(psycopg.errors.DeadlockDetected):
                connection.execute(query, arguments or None)
                return
        connection.execute(query, arguments or None)
