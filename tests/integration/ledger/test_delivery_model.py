"""Whatever happens to deliveries, in any order, the ledger does what a small pure model does."""

import asyncio
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.domain.delivery import DispatchStatus
from shared.errors import QueueUnavailable
from tests.integration.ledger.machine import KEYS, WINDOW_SECONDS, Frozen, Held, LedgerMachine
from tests.integration.ledger.model import Model
from tests.integration.ledger.real_ledger import RealLedger
from tests.integration.ledger.scripted import Hand
from tests.integration.ledger.states import ENDED, Arrival, Ending, Script
from tests.integration.ledger.workers import LEASE_SECONDS, Workers

_MOST_DELIVERIES = 14
_MOST_FROZEN = 3

_picks = st.integers(0, 99)
_endings = st.sampled_from(Ending)
#: Of some in a row; now and then all of them fail, or none.
_many_endings = st.one_of(
    st.lists(_endings, max_size=6), *(st.just([each] * 6) for each in (Ending.DONE, Ending.RETRY))
)
#: A first one that fails lets go before it settles, and the second may get in between: such pairs
#: come to the same either way, for every example has to end as it did before.
_meetings = st.one_of(
    st.tuples(st.sampled_from([Ending.DONE, Ending.DIE]), _endings),
    st.sampled_from([(Ending.RETRY, Ending.RETRY), (Ending.REJECT, Ending.REJECT)]),
)
_rests = st.sampled_from([Ending.DONE, Ending.RETRY, Ending.REJECT])
#: Key, mark and how far the gateway's clock is behind, in minutes.
_requests = st.tuples(
    st.sampled_from([None, *KEYS]), st.sampled_from(["x", "y"]), st.integers(60, 120)
)


class DeliveryMachine(LedgerMachine):
    """Everything that can happen."""

    @invariant()
    def ledger_is_as_the_model_says(self) -> None:
        self.compare()

    # Gateways.

    @initialize(numbers=st.lists(st.integers(0, 2), min_size=1, max_size=3))
    def some_are_on_their_way(self, numbers: Sequence[int]) -> None:
        """By either way, and with ids that are not in the order of acceptance."""
        for number in numbers:
            requests = [("a", "x", 70), ("b", "x", 80), (None, "x", 60)]
            self.gateway_accepts(number, requests, delay_seconds=0, answer_is_lost=False)
        self.gateway_publishes(are_lost=False)

    @precondition(lambda self: len(self.model.deliveries) < _MOST_DELIVERIES)
    @rule(
        number=st.integers(0, 2),
        requests=st.lists(_requests, min_size=1, max_size=4),
        delay_seconds=st.sampled_from([0, 60]),
        answer_is_lost=st.booleans(),
    )
    def gateway_accepts(
        self,
        number: int,
        requests: Sequence[tuple[str | None, str, int]],
        *,
        delay_seconds: int,
        answer_is_lost: bool,
    ) -> None:
        batch = [
            Arrival(self.new_id(minutes), self.webhooks[number], key, self.line_of(number, mark))
            for key, mark, minutes in requests
        ]
        answers = self.run(
            self.gateways.accept(
                batch, WINDOW_SECONDS, delay_seconds=delay_seconds, answer_is_lost=answer_is_lost
            )
        )
        placed = self.run(self.gateways.placed([each.delivery_id for each in batch]))
        self.model.accept(batch, answers, placed, delay_seconds=delay_seconds)
        self.accepted += [each for each in batch if each.delivery_id not in answers]

    @precondition(lambda self: len(self.accepted) > 0)
    @rule(are_lost=st.sampled_from([False, False, True]))
    def gateway_publishes(self, *, are_lost: bool) -> None:
        """Sends all that it has accepted; the queue may lose it."""
        if not are_lost:
            self.held += [Held(self.gateways.queued(arrival)) for arrival in self.accepted]
        self.published += self.accepted
        self.accepted = []

    @precondition(lambda self: len(self.published) > 0)
    @rule()
    def gateway_clears_what_it_published(self) -> None:
        published = [arrival.delivery_id for arrival in self.published]
        self.run(self.gateways.clear_published(published))
        self.model.clear_published(published)
        self.published = []

    # Admins.

    @precondition(lambda self: len(_replayable(self.model)) > 0)
    @rule(pick=_picks, minutes=st.integers(60, 120))
    def admin_replays_one(self, pick: int, minutes: int) -> None:
        sources = _replayable(self.model)
        source_id, replay_id = sources[pick % len(sources)], self.new_id(minutes)
        self.run(self.admins.replay(source_id, replay_id))
        self.model.replay(source_id, replay_id)

    @precondition(lambda self: len(_replayable(self.model)) > 0)
    @rule(
        number=st.integers(0, 2),
        status=st.sampled_from([None, *sorted(ENDED)]),
        minutes=st.lists(st.integers(60, 120), min_size=1, max_size=3),
    )
    def admin_replays_matching(
        self, number: int, status: DispatchStatus | None, minutes: Sequence[int]
    ) -> None:
        webhook, replay_ids = self.webhooks[number], sorted(map(self.new_id, minutes))
        if webhook in self.model.deleted:
            return
        made = self.run(self.admins.replay_matching(webhook, status, replay_ids))
        pairs = list(zip(self.model.replayable(webhook, status), replay_ids, strict=False))
        assert made == [replay_id for _, replay_id in pairs]
        for source_id, replay_id in pairs:
            self.model.replay(source_id, replay_id)

    @rule(number=st.integers(0, 2), is_end=st.booleans())
    def admin_changes_or_deletes_a_webhook(self, number: int, *, is_end: bool) -> None:
        webhook = self.webhooks[number]
        if is_end and not self.model.deleted:
            self.run(self.admins.delete_webhook(webhook))
            self.model.deleted.add(webhook)
        else:
            self.run(self.admins.change_webhook(webhook))

    # Workers and the queue.

    @rule(number=st.integers(0, 1), endings=_many_endings, rest=_rests)
    def worker_takes_what_is_due(
        self, number: int, endings: Sequence[Ending], rest: Ending
    ) -> None:
        """And handles as much of it as there are endings; the rest stays in its hand."""
        taken = self.take_all(self.readers[number])
        for held, ending in zip(taken, endings, strict=False):
            self.handle_one(held, ending, rest, settles=True)

    @rule(number=st.integers(0, 1), in_order=st.booleans())
    def worker_starts_anew(self, number: int, *, in_order: bool) -> None:
        """In order, or killed: then what it had is leased for a while yet."""
        reader = self.readers[number]
        if in_order:
            self.run(reader.consumer.close())
            self.model.finish(reader.finished)
            for held in self.held:
                if held.reader is reader and held.receipt is not None and held.lease is not None:
                    self.model.release(held.lease, 0)
        # One that has just started knows no webhook yet.
        self.workers = Workers(self.ledger, self.conveyor)
        self.readers[number] = self.new_reader()

    @rule(is_away=st.booleans())
    def relay_moves_what_is_due(self, *, is_away: bool) -> None:
        self.conveyor.is_away = is_away
        try:
            self.run(self.relay.move())
        except QueueUnavailable:
            assert is_away
        self.model.finish(self.relayed)
        self.relayed = self.model.claim_runs(LEASE_SECONDS)
        sent = [(each.delivery_id, each.attempt) for each in self.conveyor.sent]
        assert is_away or sorted(sent) == sorted(lease[:2] for lease in self.relayed)
        self.held += map(Held, self.conveyor.sent)
        self.conveyor.sent.clear()
        if is_away:
            self._relay_gives_back()

    def _relay_gives_back(self) -> None:
        for lease in self.relayed:
            self.model.release(lease, 1)
        self.relay, self.relayed = self.workers.relay(), []
        # So short a pause must not end by itself in the middle of something else.
        self.let_pass(60)

    @rule(untouched_seconds=st.sampled_from([0, 60, 600]))
    def upkeep_is_done(self, untouched_seconds: int) -> None:
        """The reconciler looks for what is lost, and keys expire."""
        self.run(self.workers.reconcile(untouched_seconds))
        self.model.reconcile(untouched_seconds)
        self.run(self.workers.expire_keys())
        self.model.expire_keys()

    @rule(seconds=st.sampled_from([60, 60, 600, WINDOW_SECONDS]))
    def time_passes(self, seconds: int) -> None:
        self.let_pass(seconds)

    @precondition(lambda self: len(self.current()) > 0)
    @rule(pick=_picks, ending=_endings, rest=_rests, settles=st.booleans())
    def worker_handles(self, pick: int, ending: Ending, rest: Ending, *, settles: bool) -> None:
        self.handle_one(_newest(self.current(), pick), ending, rest, settles=settles)

    @precondition(lambda self: len(self.held) > len(self.current()))
    @rule(pick=_picks, ending=_endings)
    def stale_copy_comes_back(self, pick: int, ending: Ending) -> None:
        stale = [each for each in self.held if not self.model.is_current(each.copy)]
        self.handle_one(_newest(stale, pick), ending, Ending.DONE, settles=True)

    @precondition(lambda self: len(self.current()) > 0 and len(self.frozen) < _MOST_FROZEN)
    @rule(pick=_picks)
    def worker_freezes_before_its_claim(self, pick: int) -> None:
        held, hand = _newest(self.current(), pick), Hand(Script({}))
        hand.may_prepare.clear()
        task = self.run(self._begun(hand, held))
        if self.model.takes_turn(held.copy):
            assert not task.done()
            self.frozen.append(Frozen(held, hand, task))
        else:
            assert not self.run(self.ended(hand, task))

    async def _begun(self, hand: Hand, held: Held) -> "asyncio.Task[None]":
        task = self.workers.start(hand, held.delivery)
        await self.workers.reached(hand.prepares, task)
        return task

    @precondition(lambda self: len(self.frozen) > 0)
    @rule(pick=_picks, ending=_endings)
    def frozen_worker_goes_on(self, pick: int, ending: Ending) -> None:
        self.thaw_one(self.frozen[pick % len(self.frozen)], ending)

    @precondition(lambda self: len(self.handleable()) > 0)
    @rule(pick=_picks, endings=_meetings, reconciles=st.booleans())
    def two_workers_meet(
        self, pick: int, endings: tuple[Ending, Ending], *, reconciles: bool
    ) -> None:
        """While one handles a delivery, a second copy waits for it, and the reconciler looks."""
        held = _newest(self.handleable(), pick)
        self.run(self._meet(held, endings, reconciles=reconciles))
        if reconciles:
            self.model.reconcile(0, locked={held.delivery.delivery_id})
        for ending in endings:
            self.model.process(held.copy, Script({held.delivery.delivery_id: ending}))

    async def _meet(self, held: Held, endings: tuple[Ending, Ending], *, reconciles: bool) -> None:
        hands = [Hand(Script({held.delivery.delivery_id: each})) for each in endings]
        hands[0].may_end.clear()
        holder = self.workers.start(hands[0], held.delivery)
        assert await self.workers.reached(hands[0].acts, holder)
        waiter = self.workers.start(hands[1], held.delivery)
        await self.workers.blocked(waiter)
        if reconciles:
            await self.workers.reconcile(0)
        hands[0].may_end.set()
        for hand, task in zip(hands, (holder, waiter), strict=True):
            await self.ended(hand, task)

    def current(self) -> list[Held]:
        """Return what is in somebody's hand and still to be handled."""
        return [each for each in self.held if self.model.is_current(each.copy)]

    def handleable(self) -> list[Held]:
        """Return of that what would come to its handler."""
        return [each for each in self.current() if self.model.reaches_handler(each.copy)]


def _newest(held: Sequence[Held], pick: int) -> Held:
    return held[-1 - pick % len(held)]


def _replayable(model: Model) -> list[UUID]:
    return sorted(
        delivery_id
        for delivery_id, delivery in model.deliveries.items()
        if delivery.status in ENDED and delivery.webhook not in model.deleted
    )


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop that is run a step at a time."""
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture
def ledger(runner: asyncio.Runner, database_url: str) -> Iterator[RealLedger]:
    """A ledger for one example after the other."""
    opened = runner.run(RealLedger(database_url).open())
    yield opened
    runner.run(opened.close())


@pytest.mark.timeout(7200)
def test_ledger_does_what_the_model_does(runner: asyncio.Runner, ledger: RealLedger) -> None:
    """After every step states, outbox, keys, order, breakers and effects are the model's.

    And at the end of each example everything comes to its end.
    """
    chosen = settings.default
    assert chosen is not None

    class Machine(DeliveryMachine):
        def __init__(self) -> None:
            super().__init__(runner, ledger)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            # Each of so many steps takes some milliseconds; a profile's number is for cheap cases.
            max_examples=max(chosen.max_examples // 2, 1),
            stateful_step_count=30,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
