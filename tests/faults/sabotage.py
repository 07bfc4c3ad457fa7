"""Takes one protection away, to show that the check would notice its absence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import psycopg

from shared.database.queries import Queries
from tests.e2e.harness import Stack

_QUERIES = Queries(__package__, "sabotage.sql")


@contextmanager
def without(
    stack: Stack, protection: Literal["outbox", "idempotency", "closing"]
) -> Iterator[None]:
    """Break a protection inside the database, for all webhooks."""
    _run(stack, f"break_{protection}")
    try:
        yield
    finally:
        _run(stack, f"mend_{protection}")


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


def _run(stack: Stack, name: str, *arguments: str) -> None:
    with psycopg.connect(stack.dsn, autocommit=True) as connection:
        connection.execute(_QUERIES[name], arguments or None)
