"""The gateway's accept rate and CPU time beside a bare Starlette endpoint's, in rounds by turns.

Run as ``python -m tests.benchmark.accept_rate``; ``--kafka`` publishes to a real broker as well.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmark import bare, usage
from tests.benchmark.load import InvalidRun, Load, full_load, generator_name
from tests.benchmark.report import print_machine, print_table, spread
from tests.benchmark.rig import BareServer, Rig, running_bare_server, running_rig

#: Enough that 60000 a minute for each is out of reach.
WEBHOOK_COUNT = 20
#: The events that are prepared: more than any server here answers.
_MOST_PER_SECOND = 40_000
_DELIVERIES = "select count(*) from postern.deliveries where dispatch_status = 'pending'"
_OTHERS = "select count(*) from postern.deliveries where dispatch_status <> 'pending'"
_KEYS = "select count(*) from postern.idempotency_keys"
_OUTBOX = "select count(*) from postern.outbox"


@dataclass(frozen=True, slots=True)
class Half:
    """One server's half of a round; CPU in milliseconds per 1000 requests."""

    load: Load
    cpu: float
    postgres_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.load.per_second


@dataclass(frozen=True, slots=True)
class Round:
    """The gateway beside the bare server."""

    gateway: Half
    bare: Half

    @property
    def rate_ratio(self) -> float:
        """The gateway's rate as a part of the bare server's."""
        return self.gateway.rate / self.bare.rate

    @property
    def cpu_ratio(self) -> float:
        """The CPU time of gateway and PostgreSQL as a multiple of the bare server's."""
        return (self.gateway.cpu + self.gateway.postgres_cpu) / self.bare.cpu

    def __str__(self) -> str:
        gateway, yardstick = self.gateway, self.bare
        return (
            f"rate {gateway.rate:.0f} / {yardstick.rate:.0f} = {self.rate_ratio:.2f}, "
            f"CPU ({gateway.cpu:.0f} + {gateway.postgres_cpu:.0f}) / {yardstick.cpu:.0f} = "
            f"{self.cpu_ratio:.2f}"
        )


class SideBySide:
    """Runs rounds on both servers, and holds the gateway's answers against its database."""

    def __init__(
        self, rig: Rig, yardstick: BareServer, *, seconds: int, connection_count: int
    ) -> None:
        self._rig = rig
        self._yardstick = yardstick
        self._seconds = seconds
        self._connection_count = connection_count
        self._recorded = 0

    def round(self, *, gateway_first: bool) -> Round:
        """Measure both, one after the other."""
        if gateway_first:
            return Round(gateway=self._gateway(), bare=self._bare())
        yardstick = self._bare()
        return Round(gateway=self._gateway(), bare=yardstick)

    def _gateway(self) -> Half:
        pids = (self._rig.gateway.pid, self._rig.postgres_pid)
        before = [usage.cpu_seconds(pid) for pid in pids]
        load = self._load(self._rig.port)
        usage.wait_until_idle(*pids)
        after = [usage.cpu_seconds(pid) for pid in pids]
        accepted = self._verified(load)
        gateway, postgres = (end - start for start, end in zip(before, after, strict=True))
        return Half(load, gateway * 1e6 / accepted, postgres * 1e6 / accepted)

    def _bare(self) -> Half:
        pid = self._yardstick.pid
        before = usage.cpu_seconds(pid)
        load = self._load(self._yardstick.port, path=bare.PATH)
        usage.wait_until_idle(pid)
        return Half(load, (usage.cpu_seconds(pid) - before) * 1e6 / load.answers)

    def _load(self, port: int, *, path: str | None = None) -> Load:
        return full_load(
            port,
            self._rig.targets,
            path=path,
            connection_count=self._connection_count,
            seconds=self._seconds,
            most_per_second=_MOST_PER_SECOND,
        )

    def _verified(self, load: Load) -> int:
        """Return how many deliveries the round left in the database.

        The generator hangs up at the end: what was under way then is recorded, not answered.

        Raises:
            InvalidRun: Other deliveries than were answered, or one without its key or outbox row.
        """
        count = self._rig.count
        total, others, keys, outbox = map(count, (_DELIVERIES, _OTHERS, _KEYS, _OUTBOX))
        added, self._recorded = total - self._recorded, total
        in_outbox = 0 if self._rig.stack.kafka else total
        if not load.answers <= added <= load.answers + self._connection_count or (
            others,
            keys,
            outbox,
        ) != (0, total, in_outbox):
            raise InvalidRun(
                f"{load.answers} answers, {added} new deliveries; {total} deliveries in all, "
                f"{others} not pending, {keys} keys, {outbox} outbox rows"
            )
        return added


def measure(arguments: argparse.Namespace) -> list[Round]:
    """Measure a gateway; print each round as it ends."""
    settings = dict(setting.split("=", 1) for setting in arguments.setting)
    with (
        running_rig(webhook_count=WEBHOOK_COUNT, kafka=arguments.kafka, settings=settings) as rig,
        running_bare_server() as yardstick,
    ):
        print_machine(rig.stack.plan.directory)
        for name in ("fsync", "synchronous_commit"):
            if rig.setting(name) != "on":
                raise InvalidRun(f"{name} is {rig.setting(name)}")
        side_by_side = SideBySide(
            rig, yardstick, seconds=arguments.seconds, connection_count=arguments.connections
        )
        side_by_side.round(gateway_first=True)  # warm-up, not counted
        rounds = []
        for number in range(arguments.rounds):
            rounds.append(side_by_side.round(gateway_first=number % 2 == 0))
            print(f"round {number + 1}: {rounds[-1]}", flush=True)
        return rounds


def report(rounds: Sequence[Round], *, kafka: bool) -> None:
    """Print the table."""

    def of(read: Callable[[Round], float], form: str = ".0f") -> str:
        return spread([read(one) for one in rounds], form)

    ratio_bound = "0.50 or more" if kafka else "0.55 or more"
    print_table(
        f"accept rate {'with' if kafka else 'without'} Kafka; load by {generator_name()}",
        [
            ("accept rate / bare Starlette's", of(lambda one: one.rate_ratio, ".2f"), ratio_bound),
            ("CPU / bare Starlette's", of(lambda one: one.cpu_ratio, ".2f"), "2.50 or less"),
            ("accepted per second", of(lambda one: one.gateway.rate), ""),
            ("bare Starlette, answers per second", of(lambda one: one.bare.rate), ""),
            ("gateway, CPU ms per 1000", of(lambda one: one.gateway.cpu), ""),
            ("PostgreSQL, CPU ms per 1000", of(lambda one: one.gateway.postgres_cpu), ""),
            ("bare Starlette, CPU ms per 1000", of(lambda one: one.bare.cpu), ""),
            ("gateway, p50 ms", of(lambda one: one.gateway.load.p50_ms, ".1f"), ""),
            ("gateway, p99 ms", of(lambda one: one.gateway.load.p99_ms, ".1f"), ""),
            ("bare Starlette, p99 ms", of(lambda one: one.bare.load.p99_ms, ".1f"), ""),
        ],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark.accept_rate", description=__doc__
    )
    parser.add_argument("--kafka", action="store_true", help="publish to a real broker as well")
    parser.add_argument("--seconds", type=int, default=5, help="of each half of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument(
        "--setting", action="append", default=[], help="of the gateway, such as writer_count=1"
    )
    arguments = parser.parse_args(argv)
    report(measure(arguments), kafka=arguments.kafka)
    return 0


if __name__ == "__main__":
    sys.exit(main())
