"""``python -m worker``: read the settings and run until SIGINT or SIGTERM."""

import argparse
import asyncio
import gc
import sys

import uvloop

from shared.errors import ConfigurationError
from shared.observability.logging import configure_logging
from shared.observability.serving import stop_on_signals
from shared.settings import describe, load
from worker.app import run
from worker.settings import WorkerSettings


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument(
        "--check-config", action="store_true", help="show the effective settings and stop"
    )
    arguments = parser.parse_args()
    try:
        settings = load(WorkerSettings)
        if arguments.check_config:
            lines = [f"{name}={value}\n" for name, value in describe(settings).items()]
            sys.stdout.writelines(lines)
            return 0
        configure_logging(level=settings.log_level, form=settings.log_format, program="worker")
        # What is loaded by now stays: the collector need not look at it, nor run for every 700
        # objects of deliveries, which leave no cycles behind.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        uvloop.run(_run_until_signal(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ExceptionGroup as group:
        refusals, others = group.split(ConfigurationError)
        if others is not None or refusals is None:
            raise
        sys.stderr.writelines(f"{error}\n" for error in refusals.exceptions)
        return 2
    return 0


async def _run_until_signal(settings: WorkerSettings) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    await run(settings, stop)


if __name__ == "__main__":
    sys.exit(main())
