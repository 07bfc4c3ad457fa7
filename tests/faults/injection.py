"""Faults that the process harness has no word for: frozen servers, and effects held in COMMIT."""

import os
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from deploy.local.control import wait_for
from shared.database.queries import Queries
from shared.embedded.processes import children_of
from tests.e2e.harness import Stack

_QUERIES = Queries(__package__, "evidence.sql")


@contextmanager
def frozen_kafka(stack: Stack) -> Iterator[None]:
    """Freeze the broker: connections are taken by the kernel, and nothing answers."""
    kafka = stack.system.kafka
    if kafka is None or kafka.pid is None:
        raise RuntimeError("no broker runs")
    with _frozen([kafka.pid]):
        yield


@contextmanager
def frozen_postgres(stack: Stack) -> Iterator[None]:
    """Freeze every process of PostgreSQL."""
    pid = stack.system.postgres.pid
    if pid is None:
        raise RuntimeError("no PostgreSQL runs")
    # The main process first: it would start more.
    with _frozen([pid]), _frozen(children_of(pid)):
        yield


@contextmanager
def _frozen(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


class Holds:
    """Keeps effects inside their COMMIT, so that a worker can be met just there; or deliveries."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def begin(self) -> None:
        """Let no effect commit from now on, for half a minute at most."""
        self._run(_QUERIES["hold"])

    def wait_held(self, count: int) -> list[int]:
        """Wait until so many transactions are held; return their server processes."""
        return wait_for(self._held, lambda held: len(held) >= count)

    def roll_back(self, pid: int) -> None:
        """Roll one of them back."""
        self._run(_QUERIES["terminate"], pid)

    def end(self) -> None:
        """Let the others commit."""
        self._run(_QUERIES["release"])

    @contextmanager
    def deliveries(self, delivery_ids: Collection[str]) -> Iterator[None]:
        """Hold deliveries as a worker does that has claimed them and then got stuck."""
        with psycopg.connect(self._stack.dsn) as connection:
            connection.execute(_QUERIES["claim"], (list(delivery_ids),))
            yield

    def _held(self) -> list[int]:
        return [row["pid"] for row in self._run(_QUERIES["held"])]

    def _run(self, query: LiteralString, *arguments: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self._stack.dsn, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query, arguments)
            return cursor.fetchall() if cursor.description else []
