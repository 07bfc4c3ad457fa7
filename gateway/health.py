"""Whether this gateway can do its work: the ledger, the snapshot and the queue."""

from collections.abc import Mapping

from gateway import metrics
from gateway.publisher import Publisher
from gateway.snapshot import Snapshot
from shared.observability.operations import Readiness


class Draining:
    """Set when the program is told to stop, so that load balancers turn away first."""

    def __init__(self) -> None:
        self.started = False


def readiness(snapshot: Snapshot, publisher: Publisher | None, draining: Draining) -> Readiness:
    """Return the check behind ``/readyz``.

    A queue that is away is no fault of this gateway, which goes on accepting while the outbox
    holds what is accepted: the queue is then left out, and a metric and the log tell.
    """

    async def check() -> Mapping[str, str | None]:
        return {
            "snapshot": _snapshot_fault(snapshot),
            "drain": "stopping" if draining.started else None,
            **({"queue": None} if publisher is None or publisher.fault is None else {}),
        }

    return check


def _snapshot_fault(snapshot: Snapshot) -> str | None:
    age = snapshot.age_seconds
    if age is None:
        return "no configuration has been read from PostgreSQL yet"
    metrics.SNAPSHOT_AGE_SECONDS.set(age)
    if snapshot.is_stale:
        return f"configuration is {age:.0f} s old: PostgreSQL cannot be reached"
    return None
