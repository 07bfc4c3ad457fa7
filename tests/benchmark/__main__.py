"""``python -m tests.benchmark``: every measurement but the fresh clone, in a short form."""

import sys

from tests.benchmark import (
    accept_rate,
    ack_latency,
    backlog_drain,
    claim_query,
    delivery_list,
    effect_latency,
    fairness,
    hostile_neighbour,
    mapping,
    memory,
    psa_growth,
    relay_rate,
    soak,
    twins,
    worker_rate,
    workflow_starts,
)

_SHORT = ("--seconds", "3", "--rounds", "3")


def main() -> int:
    """Run them one after the other; return the worst exit status."""
    return max(
        accept_rate.main(_SHORT),
        accept_rate.main((*_SHORT, "--kafka")),
        ack_latency.main((*_SHORT, "--full-seconds", "2")),
        twins.main(()),
        memory.main(("--seconds", "3")),
        claim_query.main(("--rows", "100000")),
        mapping.main(("--count", "100", "--rounds", "3")),
        hostile_neighbour.main(("--count", "1000", "--rounds", "3")),
        psa_growth.main(("--rows", "20000", "--rounds", "3", "--deliveries", "50")),
        delivery_list.main(("--deliveries", "100000", "--webhooks", "1000", "--pages", "50")),
        relay_rate.main(("--rows", "20000")),
        fairness.main(("--seconds", "8")),
        fairness.main(("--seconds", "8", "--kafka")),
        backlog_drain.main(("--minutes", "0.5", "--rate", "300")),
        worker_rate.main(("--deliveries", "5000")),
        workflow_starts.main(("--deliveries", "1000", "--rounds", "1")),
        effect_latency.main(("--seconds", "4")),
        effect_latency.main(("--seconds", "4", "--kafka")),
        soak.main(("--minutes", "1", "--warm-up-minutes", "1", "--rate", "100")),
    )


if __name__ == "__main__":
    sys.exit(main())
