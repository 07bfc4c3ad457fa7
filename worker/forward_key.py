"""``python -m worker.forward_key``: tell the key by which a webhook's forwards are signed."""

import argparse
import sys
from uuid import UUID

from shared.errors import ConfigurationError
from shared.settings import load
from shared.signatures.signing_secrets import format_secret
from worker.forwarding.signing import parse_secrets, webhook_key
from worker.settings import WorkerSettings


def main() -> int:
    """Write a line for each signing secret of the settings; return the exit status."""
    parser = argparse.ArgumentParser(prog="worker.forward_key", description=__doc__)
    parser.add_argument("tenant_id", type=UUID)
    parser.add_argument("webhook_id", type=UUID)
    arguments = parser.parse_args()
    try:
        secret = load(WorkerSettings).forward_signing_secret
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if secret is None:
        sys.stderr.write("POSTERN_WORKER_FORWARD_SIGNING_SECRET: missing\n")
        return 2
    for root in parse_secrets(secret.reveal()):
        key = webhook_key(root, arguments.tenant_id, arguments.webhook_id)
        sys.stdout.write(f"{format_secret(key)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
