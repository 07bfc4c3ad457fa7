"""Run the gateway: ``python -m gateway``; ``--check-config`` prints the effective settings."""

import asyncio
import gc
import sys

import uvloop

from gateway.app import run
from gateway.settings import GatewaySettings
from shared.errors import ConfigurationError
from shared.observability.logging import configure_logging
from shared.observability.serving import stop_on_signals
from shared.settings import describe, load


async def _main(settings: GatewaySettings) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    await run(settings, stop)


def main() -> int:
    """Read the settings and run until a signal; return the exit code."""
    try:
        settings = load(GatewaySettings)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if "--check-config" in sys.argv[1:]:
        sys.stdout.writelines(f"{name}={value}\n" for name, value in describe(settings).items())
        return 0
    configure_logging(level=settings.log_level, form=settings.log_format, program="gateway")
    # What is loaded by now stays: the collector need not look at it, nor run for every 700 objects
    # of requests, which leave no cycles behind.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvloop.run(_main(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
