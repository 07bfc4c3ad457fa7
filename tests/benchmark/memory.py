"""Memory of one gateway process with ten thousand signed webhooks in its snapshot.

Run as ``python -m tests.benchmark.memory``. Measured at rest and after load on all of them.
"""

import argparse
import sys
from collections.abc import Sequence

from tests.benchmark import usage
from tests.benchmark.load import full_load
from tests.benchmark.report import print_machine, print_table
from tests.benchmark.rig import Rig, running_rig

_TENANT_COUNT = 100
_CONNECTIONS = 64
_MOST_PER_SECOND = 40_000
_MEGABYTE = 1_000_000
_BOUND = "150 or less"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.memory", description=__doc__)
    parser.add_argument("--webhooks", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=10, help="of load")
    parser.add_argument("--kafka", action="store_true", help="publish to a real broker as well")
    arguments = parser.parse_args(argv)
    with running_rig(webhook_count=0, kafka=arguments.kafka) as empty:
        print_machine(empty.stack.plan.directory)
        without = usage.resident_bytes(empty.gateway.pid)
    with running_rig(
        webhook_count=arguments.webhooks, tenant_count=_TENANT_COUNT, kafka=arguments.kafka
    ) as rig:
        loaded = usage.resident_bytes(rig.gateway.pid)
        highest = _under_load(rig, arguments.seconds)
        children = list(usage.family_of(rig.gateway.pid))[1:]
        print_table(
            f"memory of one gateway with {len(rig.targets)} webhooks",
            [
                ("resident, no webhooks, MB", _megabytes(without), ""),
                ("resident, webhooks loaded, MB", _megabytes(loaded), _BOUND),
                ("resident, most until after load, MB", _megabytes(highest), _BOUND),
                (
                    f"its {len(children)} sandbox processes together (Pss), MB",
                    _megabytes(sum(map(usage.proportional_bytes, children))),
                    "",
                ),
            ],
            result="result",
        )
    return 0


def _under_load(rig: Rig, seconds: int) -> int:
    full_load(
        rig.port,
        rig.targets,
        connection_count=_CONNECTIONS,
        seconds=seconds,
        most_per_second=_MOST_PER_SECOND,
    )
    usage.wait_until_idle(rig.gateway.pid, rig.postgres_pid)
    return usage.highest_resident_bytes(rig.gateway.pid)


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:.0f}"


if __name__ == "__main__":
    sys.exit(main())
