"""``python -m tests.faults.saboteur <module> <switch>...``: a program without some protections.

Each switch takes one away from the code before the program starts. No program knows of this.
"""

import asyncio
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from gateway import receiver
from gateway.authentication import VERIFIED, HmacVerifier, Presented, Verdict
from gateway.receiver import Answer, Receiver
from gateway.recorder import Batch, Recorder
from shared.database.pool import DirectConnection
from shared.domain.identifiers import TenantId
from shared.ledger.order import Order, OrderedDelivery, Turn
from shared.ledger.outbox import Outbox
from shared.ledger.recording import AcceptedRow
from shared.queue.offsets import OffsetTracker
from worker.maintenance.reconciler import Reconciler

#: Long enough for a worker to look for a delivery in vain, and within a gateway's deadline.
_AHEAD_OF_COMMIT_SECONDS = 0.5


def commit_offsets_early() -> None:
    """Let a worker count each record as finished when it is handed out.

    The ledger's reconciler finds what is lost so, after a grace: see ``leave_unreconciled``.
    """
    receive = OffsetTracker.receive

    def received(self: OffsetTracker, offset: int) -> bool:
        is_new = receive(self, offset)
        self.finish(offset)
        return is_new

    _replace(OffsetTracker, "receive", received)


def leave_unreconciled() -> None:
    """Let a worker never look for deliveries that wait nowhere."""

    async def reconcile(_: Reconciler) -> int:
        return 0

    _replace(Reconciler, "reconcile", reconcile)


def ignore_turns() -> None:
    """Let a worker handle what it receives whenever it does."""

    async def take_turns(
        _: Order, __: TenantId, asked: Sequence[OrderedDelivery]
    ) -> list[Turn | None]:
        return [Turn.NOW for _ in asked]

    async def claim_following(_: Order, *__: object, **___: object) -> dict[str, object]:
        return {}

    _replace(Order, "take_turns", take_turns)
    _replace(Order, "claim_following", claim_following)


def publish_before_commit() -> None:
    """Let a gateway send deliveries on before they are in the ledger, and not again after."""
    record_once = Recorder._record_once

    async def recorded(
        self: Recorder, rows: Sequence[AcceptedRow], connection: DirectConnection
    ) -> dict[UUID, UUID]:
        self._committed(rows)
        await asyncio.sleep(_AHEAD_OF_COMMIT_SECONDS)
        async with connection.transaction():
            duplicates = await record_once(self, rows, connection)
            await Outbox(connection).delete_published(
                [(row.origin.tenant_id, row.delivery_id, 0) for row in rows]
            )
        return duplicates

    def take_over(
        _: Recorder, batch: Batch, __: Sequence[AcceptedRow], duplicates: dict[UUID, UUID]
    ) -> None:
        batch.duplicate_of.update(duplicates)

    _replace(Recorder, "_record_once", recorded)
    _replace(Recorder, "_take_over", take_over)


def misname_duplicates() -> None:
    """Let a gateway answer every repeat with the id of the first delivery that it recorded."""
    take_over = Recorder._take_over
    recorded: list[UUID] = []

    def taken_over(
        self: Recorder,
        batch: Batch,
        rows: Sequence[AcceptedRow],
        duplicates: dict[UUID, UUID],
    ) -> None:
        take_over(self, batch, rows, duplicates)
        recorded.extend(row.delivery_id for row in rows if row.delivery_id not in duplicates)
        if recorded:
            batch.duplicate_of.update(dict.fromkeys(duplicates, recorded[0]))

    _replace(Recorder, "_take_over", taken_over)


def trust_everybody() -> None:
    """Let a gateway take every signature for a good one."""

    def verify(self: HmacVerifier, _: Presented) -> Verdict:
        return Verdict(VERIFIED, self._secrets[0].secret_id)

    _replace(HmacVerifier, "verify", verify)


def limit_for_good() -> None:
    """Let a gateway answer 429 without saying when to come again."""
    limited = Receiver._limited

    def answer(self: Receiver, *arguments: object) -> Answer:
        # mypy: the arguments are passed on as they came
        return limited(self, *arguments)._replace(headers=())  # type: ignore[arg-type]

    _replace(Receiver, "_limited", answer)


def refuse_documents() -> None:
    """Let a gateway find every JSON document too deep."""
    _replace(receiver, "json_too_deep", lambda *_: True)


SWITCHES: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        switch.__name__: switch
        for switch in (
            commit_offsets_early,
            leave_unreconciled,
            ignore_turns,
            publish_before_commit,
            misname_duplicates,
            trust_everybody,
            limit_for_good,
            refuse_documents,
        )
    }
)


def _replace(owner: object, name: str, replacement: Callable[..., object]) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name} any more")
    setattr(owner, name, replacement)


def main() -> None:
    """Turn the switches, and be the program."""
    module, *switches = sys.argv[1:]
    for switch in switches:
        SWITCHES[switch]()
    sys.argv[1:] = []
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
