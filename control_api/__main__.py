"""``python -m control_api``: read settings and serve."""

import argparse
import sys

import uvloop

from control_api.app import run
from control_api.settings import ControlApiSettings
from shared.errors import ConfigurationError
from shared.observability.logging import configure_logging
from shared.settings import describe, load


def main() -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m control_api", description="The control API.")
    parser.add_argument(
        "--check-config", action="store_true", help="print effective settings, masked, and exit"
    )
    arguments = parser.parse_args()
    try:
        settings = load(ControlApiSettings)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if arguments.check_config:
        sys.stdout.writelines(f"{name}={value}\n" for name, value in describe(settings).items())
        return 0
    configure_logging(level=settings.log_level, form=settings.log_format, program="control_api")
    uvloop.run(run(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
