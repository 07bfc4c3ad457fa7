"""A real ledger beside its model: does the same to both, and compares them."""

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine

from shared.clock import unix_ms
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, uuid7, uuid7_bytes
from shared.domain.webhook import ordering_key_of
from shared.errors import DatabaseUnavailable
from shared.queue.port import Consumer, Receipt
from tests.integration.ledger.gateways import Admins, Gateways
from tests.integration.ledger.model import Model
from tests.integration.ledger.promises import Promises
from tests.integration.ledger.real_ledger import RealLedger
from tests.integration.ledger.scripted import Hand
from tests.integration.ledger.states import Arrival, Copy, Ending, Lease, Rules, Script
from tests.integration.ledger.workers import LEASE_SECONDS, Conveyor, Workers

KEYS = ("a", "b")
WINDOW_SECONDS = 3600
#: Of the webhooks: without order, with one line, and with a line for each mark.
MAX_ATTEMPTS = (3, 2, 3)
_NACK_SECONDS = 60
_ROUNDS_TO_QUIET = 60


@dataclass(eq=False)
class Reader:
    """A worker's view of the outbox, and the rows that it deletes before it claims more."""

    consumer: Consumer
    finished: list[Lease]


@dataclass(eq=False)
class Held:
    """A delivery in a worker's hand; once it was there it may come back at any time."""

    delivery: QueuedDelivery
    #: What its worker still has to settle; None where it came by the conveyor.
    receipt: Receipt | None = None
    lease: Lease | None = None
    reader: Reader | None = None

    @property
    def copy(self) -> Copy:
        """Which attempt at which delivery it is."""
        return Copy(self.delivery.delivery_id, self.delivery.attempt)


@dataclass(eq=False)
class Frozen:
    """A worker that stands still between its turn and its claim."""

    held: Held
    hand: Hand
    task: "asyncio.Task[None]"


class LedgerMachine(RuleBasedStateMachine):
    """A real ledger beside its model."""

    def __init__(self, runner: asyncio.Runner, ledger: RealLedger) -> None:
        super().__init__()
        self.run = runner.run
        self.webhooks = [uuid7() for _ in MAX_ATTEMPTS]
        rules = {
            webhook: Rules(max_attempts, WINDOW_SECONDS)
            for webhook, max_attempts in zip(self.webhooks, MAX_ATTEMPTS, strict=True)
        }
        self.model = Model(rules)
        self.ledger = ledger
        self.run(ledger.begin(rules))
        self.conveyor = Conveyor()
        self.gateways, self.admins = Gateways(ledger), Admins(ledger)
        self.workers = Workers(ledger, self.conveyor)
        self.readers = [self.new_reader() for _ in range(2)]
        self.relay, self.relayed = self.workers.relay(), list[Lease]()
        #: What gateways have accepted and may publish yet, and what they may yet clear.
        self.accepted: list[Arrival] = []
        self.published: list[Arrival] = []
        self.held: list[Held] = []
        self.frozen: list[Frozen] = []
        self.promises = Promises()
        self._numbers, self._began_ms = count(), unix_ms()
        self._is_sound = True

    def compare(self) -> None:
        """Assert that the ledger is what the model is, and keeps what is promised."""
        self._is_sound = False
        seen = self.run(self.ledger.read(keys=KEYS))
        self.promises.check(seen, self.model.placed)
        assert seen == self.model.snapshot()
        self.run(self.ledger.hold_time())
        self._is_sound = True

    def teardown(self) -> None:
        """Let everything come to its end, unless something is wrong already."""
        try:
            if self._is_sound:
                self._come_to_quiet()
        finally:
            self.run(_abandon(self.frozen))

    def _come_to_quiet(self) -> None:
        """Without faults, all that is pending is handled sooner or later."""
        while self.frozen:
            self.thaw_one(self.frozen[0], Ending.DONE)
        for _ in range(_ROUNDS_TO_QUIET):
            if not self.model.pending():
                return
            self.let_pass(3600)
            self.run(self.workers.reconcile(60))
            self.model.reconcile(60)
            for held in self.take_all(self.readers[0]):
                self.handle_one(held, Ending.DONE, Ending.DONE, settles=True)
            self.compare()
        raise AssertionError(f"still pending: {self.model.pending()}")

    def new_id(self, minutes_ago: int) -> DeliveryId:
        """Return an id from a gateway whose clock is behind: order must not depend on it.

        The same steps make ids that sort the same.
        """
        number = next(self._numbers).to_bytes(10)
        return DeliveryId(UUID(bytes=uuid7_bytes(self._began_ms - minutes_ago * 60_000, number)))

    def line_of(self, number: int, mark: str) -> str | None:
        """Return the line of a delivery of one of the webhooks."""
        if number == 0:
            return None
        return ordering_key_of(self.webhooks[number], mark if number == 2 else None)

    def let_pass(self, seconds: int) -> None:
        """Let time pass."""
        self.run(self.ledger.age(seconds))
        self.model.now += seconds

    def new_reader(self) -> Reader:
        """Return a worker that has just started."""
        return Reader(self.workers.consumer(), [])

    def take_all(self, reader: Reader) -> Sequence[Held]:
        """Let a worker claim all that is due, and compare what that is."""
        receipts = self.run(reader.consumer.receive(limit=100, wait_seconds=0))
        self.model.finish(reader.finished)
        reader.finished = []
        leases = {lease[:2]: lease for lease in self.model.claim(LEASE_SECONDS)}
        taken = []
        for receipt in receipts:
            assert isinstance(receipt.content, QueuedDelivery)
            held = Held(receipt.content, receipt, reader=reader)
            held.lease = leases.pop(held.copy)
            taken.append(held)
        assert not leases
        self.held += taken
        return taken

    def handle_one(self, held: Held, ending: Ending, rest: Ending, *, settles: bool) -> None:
        """Process a delivery; then its worker settles it, or never does."""
        script = Script({held.delivery.delivery_id: ending}, rest)
        hand = Hand(copy.deepcopy(script))
        died = self.run(self._processed(hand, held.delivery))
        assert died == self.model.process(held.copy, script)
        if settles:
            self.settle(held, died=died)

    def thaw_one(self, frozen: Frozen, ending: Ending) -> None:
        """Let a worker go on that stood still before its claim."""
        self.frozen.remove(frozen)
        script = Script({frozen.held.delivery.delivery_id: ending})
        frozen.hand.script = copy.deepcopy(script)
        frozen.hand.may_prepare.set()
        died = self.run(self.ended(frozen.hand, frozen.task))
        assert died == self.model.go_on(frozen.held.copy, script)
        self.settle(frozen.held, died=died)

    def settle(self, held: Held, *, died: bool) -> None:
        """Do what a worker does with what it took; after a fault it gives it back."""
        receipt, lease, reader = held.receipt, held.lease, held.reader
        held.receipt = None
        if receipt is None or lease is None or reader not in self.readers:
            return
        if died:
            self.run(reader.consumer.nack(receipt, delay_seconds=_NACK_SECONDS))
            self.model.release(lease, _NACK_SECONDS)
        else:
            self.run(reader.consumer.ack(receipt))
            reader.finished.append(lease)

    async def _processed(self, hand: Hand, delivery: QueuedDelivery) -> bool:
        return await self.ended(hand, self.workers.start(hand, delivery))

    async def ended(self, hand: Hand, task: "asyncio.Task[None]") -> bool:
        """Wait for the end of a worker's call; return whether the worker died in it."""
        try:
            await task
        except DatabaseUnavailable:
            await self.workers.rolled_back(hand)
            return True
        return False


async def _abandon(frozen: Sequence[Frozen]) -> None:
    for each in frozen:
        each.task.cancel()
    await asyncio.gather(*(each.task for each in frozen), return_exceptions=True)
