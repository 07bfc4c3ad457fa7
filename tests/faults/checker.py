"""The check after a run: waits for quiet, reads ledger and effects, judges every event."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg.rows import dict_row

from deploy.local.control import wait_for
from shared.database.queries import Queries
from tests.e2e.harness import Stack
from tests.faults.journal import Journal, latencies
from tests.faults.judgement import Breach, Ledger, Recorded, Violation, judge
from tests.faults.lag import lag
from tests.faults.scene import Scene

_QUERIES = Queries(__package__, "evidence.sql")
#: The promise is 1.0 s; the rest is for a machine that generator and servers share.
ANSWER_WITHIN_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Report:
    """What came out of a run."""

    journal: Journal
    ledger: Ledger
    violations: list[Violation]

    def breaches(self) -> set[Breach]:
        """Return the names of the promises that were broken."""
        return {violation.breach for violation in self.violations}

    def __str__(self) -> str:
        lines = [self.figures()]
        counts = Counter(violation.breach.value for violation in self.violations)
        lines.append(f"violations: {dict(counts) or 'none'}")
        if self.violations:
            lines += [str(self.violations[0]), *self.history(self.violations[0].event_id)]
        return "\n".join(lines)

    def figures(self) -> str:
        """Return counts and latencies in one line."""
        return f"{self.journal.summary()}; handled {latencies(self.handled_after_seconds())}"

    def handled_after_seconds(self) -> list[float]:
        """Return how long each accepted event waited for the end of its handling."""
        told = map(self.ledger.deliveries.get, self.journal.accepted_ids())
        waits = [found.handled_after_seconds for found in told if found is not None]
        return [seconds for seconds in waits if seconds is not None]

    def history(self, event_id: str) -> list[str]:
        """Return everything that is known of an event."""
        return [
            f"effects: {self.ledger.effects.get(event_id, 0)}",
            *(str(item) for item in self.journal.where(lambda item: item.event_id == event_id)),
            *(str(row) for row in self.ledger.deliveries.values() if row.event_id == event_id),
        ]


class Checker:
    """Installs the evidence in a running system, and judges runs on it."""

    def __init__(self, stack: Stack, *, stumble_share: float = 0.0) -> None:
        """``stumble_share``: of all handlings, how many fail before their effect."""
        self._stack = stack
        with psycopg.connect(stack.dsn, autocommit=True) as connection:
            connection.execute(_QUERIES["install"])
            connection.execute(_QUERIES["stumble"], (stumble_share,))

    def check(
        self,
        scene: Scene,
        journal: Journal,
        *,
        quiet_seconds: float = 40,
        answer_within_seconds: float | None = ANSWER_WITHIN_SECONDS,
    ) -> Report:
        """Judge a run once it is quiet, or when it still is not after so many seconds."""
        # What is still unfinished then shows in the judgement, by event.
        with contextlib.suppress(TimeoutError):
            self.wait_until_quiet(scene, timeout_seconds=quiet_seconds)
        ledger = self.read(scene)
        violations = judge(
            journal.answers,
            ledger,
            answer_within_seconds=answer_within_seconds,
            excused=lambda answer: journal.answered_within(answer, answer_within_seconds or 0.0),
        )
        return Report(journal, ledger, violations)

    def wait_until_quiet(self, scene: Scene, *, timeout_seconds: float = 40) -> None:
        """Wait until nothing is pending, queued, or in the hands of a worker.

        Kafka's own backlog counts too: it may hold second copies, which could do harm yet.

        Raises:
            TimeoutError: Something still is.
        """
        wait_for(
            lambda: self.unfinished_count(scene) or self._lag() or self._in_flight(),
            lambda count: not count,
            timeout_seconds=timeout_seconds,
        )

    def read(self, scene: Scene) -> Ledger:
        """Return what is on record."""
        return Ledger(
            deliveries={
                row["delivery_id"]: Recorded(**row)
                for row in self._fetch(_QUERIES["deliveries"], scene.webhook_id)
            },
            effects={
                row["event_id"]: row["effect_count"]
                for row in self._fetch(_QUERIES["effects"], scene.webhook_id)
            },
        )

    def handled(self, scene: Scene) -> list[str]:
        """Return the events of a scene in the order in which they were handled."""
        return [row["event_id"] for row in self._fetch(_QUERIES["effect_order"], scene.webhook_id)]

    def garbage(self) -> set[str]:
        """Return the contents of the records that were put aside."""
        return {row["content"] for row in self._fetch(_QUERIES["garbage"])}

    def attempts(self, delivery_id: str) -> list[str]:
        """Return every attempt at a delivery, in words."""
        return [str(row) for row in self._fetch(_QUERIES["attempts"], delivery_id)]

    def unfinished_count(self, scene: Scene) -> int:
        """Return how many deliveries are pending or queued."""
        [row] = self._fetch(_QUERIES["unfinished"], scene.webhook_id)
        count: int = row["unfinished_count"]
        return count

    def _lag(self) -> int:
        system = self._stack.system
        return 0 if system.kafka is None else asyncio.run(lag(system.kafka.bootstrap))

    def _in_flight(self) -> float:
        return sum(
            metric(program.operations_url, "postern_worker_in_flight")
            for program in self._stack.system.programs.values()
            if program.module == "worker" and program.exit_code is None
        )

    def _fetch(self, query: LiteralString, *arguments: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self._stack.dsn, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(query, arguments).fetchall()


def metric(operations_url: str, name: str) -> float:
    """Return the value of a series without labels, 0 where there is none."""
    for line in httpx.get(f"{operations_url}/metrics", timeout=5).text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    return 0.0
