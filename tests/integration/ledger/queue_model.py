"""The model's front: how deliveries come into the ledger, and into the hands of workers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.domain.delivery import DispatchStatus
from tests.integration.ledger.states import (
    ENDED,
    Arrival,
    Breaker,
    Delivery,
    Key,
    Lease,
    Place,
    Row,
    Rules,
)


@dataclass
class QueueModel:
    """The ledger of one tenant."""

    webhooks: Mapping[UUID, Rules]
    now: int = 0
    deliveries: dict[UUID, Delivery] = field(default_factory=dict)
    outbox: dict[UUID, Row] = field(default_factory=dict)
    keys: dict[tuple[UUID, str], Key] = field(default_factory=dict)
    lines: dict[str, list[Place]] = field(default_factory=dict)
    breakers: dict[UUID, Breaker] = field(default_factory=dict)
    deleted: set[UUID] = field(default_factory=set)
    #: In the order in which they came about.
    effects: list[UUID] = field(default_factory=list)
    #: Every delivery that ever had a place, by line.
    placed: dict[str, list[UUID]] = field(default_factory=dict)
    last_ticket: int = 0

    # What gateways and admins do.

    def accept(
        self,
        batch: Sequence[Arrival],
        answers: Mapping[UUID, UUID],
        placed: Sequence[UUID],
        *,
        delay_seconds: int,
    ) -> None:
        """Record a batch; ``answers`` names the first of each duplicate.

        Which of several twins is the first is the ledger's choice, as is the place of one that
        takes over a key whose window is over: those come after the others of their batch.
        """
        at_once = [arrival.delivery_id for arrival in batch if not self._was_taken(arrival)]
        firsts = self._firsts(batch, answers)
        for arrival in batch:
            first_id = None if arrival.key is None else firsts[arrival.webhook, arrival.key]
            is_first = first_id in {None, arrival.delivery_id}
            assert answers.get(arrival.delivery_id) == (None if is_first else first_id)
            self._record(arrival, None if is_first else first_id)
            if is_first:
                self.outbox[arrival.delivery_id] = Row(0, self.now + delay_seconds)
        fresh = {
            arrival.delivery_id
            for arrival in batch
            if arrival.line is not None and arrival.delivery_id not in answers
        }
        assert set(placed) == fresh
        ordered = [each for each in at_once if each in fresh]
        assert list(placed)[: len(ordered)] == ordered
        for delivery_id in placed:
            self._place(delivery_id)

    def _was_taken(self, arrival: Arrival) -> bool:
        return arrival.key is not None and (arrival.webhook, arrival.key) in self.keys

    def _firsts(
        self, batch: Sequence[Arrival], answers: Mapping[UUID, UUID]
    ) -> dict[tuple[UUID, str], UUID]:
        """Return the holder of each key of a batch; a key without one is taken by one of it."""
        for name in {(each.webhook, each.key) for each in batch if each.key is not None}:
            held = self.keys.get(name)
            if held is not None and held.expires_at > self.now:
                continue
            (taker,) = [
                arrival.delivery_id
                for arrival in batch
                if (arrival.webhook, arrival.key) == name and arrival.delivery_id not in answers
            ]
            window_seconds = self.webhooks[name[0]].window_seconds
            self.keys[name] = Key(taker, self.now + window_seconds)
        return {name: key.holder for name, key in self.keys.items()}

    def _record(self, arrival: Arrival, first_id: UUID | None) -> None:
        self.deliveries[arrival.delivery_id] = Delivery(
            arrival.webhook, arrival.key, arrival.line, received_at=self.now, first_id=first_id
        )
        if first_id is not None:
            self.deliveries[arrival.delivery_id].status = DispatchStatus.DUPLICATE

    def _place(self, delivery_id: UUID) -> None:
        line = self.deliveries[delivery_id].line
        if line is not None:
            self.lines.setdefault(line, []).append(Place(delivery_id))
            self.placed.setdefault(line, []).append(delivery_id)

    def replay(self, source_id: UUID, replay_id: UUID) -> None:
        """Record an ended delivery's request anew; it takes no key."""
        source = self.deliveries[source_id]
        self._record(Arrival(replay_id, source.webhook, source.key, source.line), None)
        self.outbox[replay_id] = Row(0, self.now)
        self._place(replay_id)

    def replayable(self, webhook: UUID, status: DispatchStatus | None) -> list[UUID]:
        """Return the deliveries that a replay by filter chooses from, in its order."""
        wanted = ENDED if status is None else {status}
        return sorted(
            delivery_id
            for delivery_id, delivery in self.deliveries.items()
            if delivery.webhook == webhook and delivery.status in wanted
        )

    def clear_published(self, delivery_ids: Collection[UUID]) -> None:
        """Take what a gateway has published out of the outbox, where it still is as accepted."""
        self.finish([Lease(delivery_id, 0, 0) for delivery_id in delivery_ids])

    # What the queue does.

    def claim(self, seconds: int) -> list[Lease]:
        """Lease the rows that are due and the first of their line, by id."""
        heads = {self._line(each): each for each in sorted(self.outbox, reverse=True)}
        firsts = [each for each in self._due() if heads[self._line(each)] == each]
        free = [each for each in self._due() if self._line(each) is None]
        return self._lease({*firsts, *free}, seconds)

    def claim_runs(self, seconds: int) -> list[Lease]:
        """Lease the rows that are due, in each line up to the first that is not."""
        waits = [each for each, row in self.outbox.items() if row.due_at > self.now]
        stops = {self._line(each): each for each in sorted(waits, reverse=True)}
        stops.pop(None, None)
        return self._lease(
            {
                each
                for each in self._due()
                if (stop := stops.get(self._line(each))) is None or each < stop
            },
            seconds,
        )

    def _due(self) -> list[UUID]:
        return [each for each, row in self.outbox.items() if row.due_at <= self.now]

    def _line(self, delivery_id: UUID) -> str | None:
        return self.deliveries[delivery_id].line

    def _lease(self, delivery_ids: Collection[UUID], seconds: int) -> list[Lease]:
        rows = {each: self.outbox[each] for each in delivery_ids}
        for row in rows.values():
            row.due_at = self.now + seconds
        return [Lease(each, row.attempt, row.ticket) for each, row in rows.items()]

    def finish(self, leases: Sequence[Lease]) -> None:
        """Delete rows that nobody has written anew."""
        for lease in leases:
            if self._has(lease):
                del self.outbox[lease.delivery_id]

    def release(self, lease: Lease, delay_seconds: int) -> None:
        """Give a row back, unless somebody has written it anew."""
        if self._has(lease):
            self.outbox[lease.delivery_id].due_at = self.now + delay_seconds

    def _has(self, lease: Lease) -> bool:
        row = self.outbox.get(lease.delivery_id)
        return row is not None and (row.attempt, row.ticket) == lease[1:]

    def _ticket(self) -> int:
        self.last_ticket += 1
        return self.last_ticket
