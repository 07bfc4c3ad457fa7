"""A pure model of the ledger: what each thing that happens to deliveries has to come to.

Nothing here knows of SQL, transactions or processes.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from shared.domain.delivery import DispatchStatus
from tests.integration.ledger.queue_model import QueueModel
from tests.integration.ledger.states import (
    BREAKER_FAILURES,
    CHAIN_SECONDS,
    LONGEST_HELD_SECONDS,
    LONGEST_HOLD_SECONDS,
    PROBE_SECONDS,
    RETRY_SECONDS,
    Breaker,
    Copy,
    Delivery,
    Ending,
    Row,
    Script,
    on_grid,
)


class Model(QueueModel):
    """The ledger of one tenant, and what workers do to it."""

    # Handling.

    def process(self, copy: Copy, script: Script) -> bool:
        """Handle a copy, and those behind it whose turn comes; return whether the worker died."""
        return self.takes_turn(copy) and self.go_on(copy, script)

    def takes_turn(self, copy: Copy) -> bool:
        """Return whether a copy may run now; else it is parked, or turned away if it is closed."""
        delivery = self.deliveries[copy.delivery_id]
        line = self.lines.get(delivery.line or "", [])
        place = next((each for each in line if each.delivery_id == copy.delivery_id), None)
        if place is None:
            return delivery.line is None or delivery.status is DispatchStatus.PENDING
        if place is next((each for each in line if each.has_turn), line[0]):
            place.has_turn = True
            return True
        place.is_parked = True
        return False

    def go_on(self, copy: Copy, script: Script) -> bool:
        """Handle a copy that may run; return whether the worker died."""
        line = self.deliveries[copy.delivery_id].line
        following: Copy | None = copy
        while following is not None:
            if self._attempt(following, script):
                return True
            following = self._claim_following(line)
        return False

    def is_current(self, copy: Copy) -> bool:
        """Return whether nobody has moved a copy's delivery on."""
        delivery = self.deliveries[copy.delivery_id]
        return (delivery.status, delivery.retry_count) == (DispatchStatus.PENDING, copy.attempt)

    def reaches_handler(self, copy: Copy) -> bool:
        """Return whether a handler would be called at once for a copy."""
        delivery = self.deliveries[copy.delivery_id]
        line = self.lines.get(delivery.line or "", [])
        turn = next((each.delivery_id for each in line if each.has_turn), None)
        first_id = turn or (line[0].delivery_id if line else copy.delivery_id)
        breaker = self.breakers.get(delivery.webhook)
        return (
            self.is_current(copy)
            and delivery.webhook not in self.deleted
            and first_id == copy.delivery_id
            and not (breaker and breaker.is_open)
        )

    def _claim_following(self, line: str | None) -> Copy | None:
        for place in self.lines.get(line or "", []):
            row = self.outbox.get(place.delivery_id)
            if place.has_turn and row is not None and row.due_at <= self.now:
                row.due_at = self.now + CHAIN_SECONDS
                return Copy(place.delivery_id, row.attempt)
        return None

    def _attempt(self, copy: Copy, script: Script) -> bool:
        delivery_id, delivery = copy.delivery_id, self.deliveries[copy.delivery_id]
        if not self.is_current(copy):
            return False
        if delivery.webhook in self.deleted:
            self._fail(delivery_id)
            return False
        breaker = self.breakers.get(delivery.webhook)
        if breaker is not None and breaker.is_open:
            if not breaker.lets_probe(delivery_id, self.now):
                self._hold(delivery_id, breaker)
                return False
            breaker.probe_id, breaker.probe_until = delivery_id, self.now + PROBE_SECONDS
        ending = script.next(delivery_id)
        self._end(copy, ending)
        return ending is Ending.DIE

    def _end(self, copy: Copy, ending: Ending) -> None:
        webhook = self.deliveries[copy.delivery_id].webhook
        match ending:
            case Ending.DONE:
                self._close(copy.delivery_id, DispatchStatus.DISPATCHED)
                self.effects.append(copy.delivery_id)
                self._close_breaker(webhook)
            case Ending.RETRY:
                self._retry(copy)
                self._count_failure(webhook, copy.delivery_id)
            case Ending.REJECT:
                self._fail(copy.delivery_id)
                if webhook in self.breakers:
                    self.breakers[webhook].end_probe(copy.delivery_id)
            case Ending.DIE:
                pass

    def _retry(self, copy: Copy) -> None:
        delivery = self.deliveries[copy.delivery_id]
        if copy.attempt + 1 >= self.webhooks[delivery.webhook].max_attempts:
            self._fail(copy.delivery_id)
            return
        delivery.retry_count += 1
        delivery.next_at = self.now + RETRY_SECONDS * 2**copy.attempt
        ticket = self.outbox[copy.delivery_id].ticket if copy.delivery_id in self.outbox else 0
        self.outbox[copy.delivery_id] = Row(delivery.retry_count, delivery.next_at, ticket)

    def _fail(self, delivery_id: UUID) -> None:
        self._close(delivery_id, DispatchStatus.FAILED)
        self.keys = {name: key for name, key in self.keys.items() if key.holder != delivery_id}

    def _close(self, delivery_id: UUID, status: DispatchStatus) -> None:
        delivery = self.deliveries[delivery_id]
        delivery.status, delivery.next_at = status, None
        self.outbox.pop(delivery_id, None)
        if delivery.line is not None:
            self._leave_order(delivery_id, delivery.line)

    def _leave_order(self, delivery_id: UUID, name: str) -> None:
        line = self.lines[name] = [
            each for each in self.lines[name] if each.delivery_id != delivery_id
        ]
        if not line or any(each.has_turn for each in line):
            return
        following, was_parked = line[0], line[0].is_parked
        following.has_turn, following.is_parked = True, False
        if was_parked:
            row = self.outbox.setdefault(following.delivery_id, Row(0, self.now))
            row.due_at, row.ticket = self.now, self._ticket()

    # Circuit breakers.

    def _hold(self, delivery_id: UUID, breaker: Breaker) -> None:
        breaker.held_count += 1
        probe_at = breaker.probe_at or 0
        delivery = self.deliveries[delivery_id]
        delivery.next_at = min(
            max(probe_at, breaker.probe_until or 0)
            + breaker.held_count * breaker.hold_seconds // 10,
            max(probe_at, self.now) + LONGEST_HELD_SECONDS,
        )
        self.outbox[delivery_id] = Row(
            delivery.retry_count, delivery.next_at, self._ticket(), held_for=delivery.webhook
        )

    def _count_failure(self, webhook: UUID, delivery_id: UUID) -> None:
        breaker = self.breakers.setdefault(webhook, Breaker(delivery_id))
        breaker.failures += breaker.last != delivery_id
        breaker.last = delivery_id
        if breaker.probe_id == delivery_id:
            breaker.hold_seconds = min(breaker.hold_seconds * 2, LONGEST_HOLD_SECONDS)
            breaker.probe_at = self.now + breaker.hold_seconds
            breaker.end_probe(delivery_id)
        elif not breaker.is_open and breaker.failures >= BREAKER_FAILURES:
            breaker.probe_at = self.now + breaker.hold_seconds

    def _close_breaker(self, webhook: UUID) -> None:
        breaker = self.breakers.pop(webhook, None)
        if breaker is None or not breaker.is_open:
            return
        for row in self.outbox.values():
            if row.held_for == webhook:
                row.held_for, row.due_at = None, min(row.due_at, self.now)

    # Upkeep.

    def reconcile(self, untouched_seconds: int, *, locked: Collection[UUID] = ()) -> None:
        """Queue again what waits nowhere and was not touched for so long."""
        parked = {
            place.delivery_id for line in self.lines.values() for place in line if place.is_parked
        }
        for delivery_id in sorted(self.pending() - parked - set(locked) - self.outbox.keys()):
            delivery = self.deliveries[delivery_id]
            if _touched_at(delivery) + untouched_seconds <= self.now:
                delivery.next_at = self.now
                self.outbox[delivery_id] = Row(delivery.retry_count, self.now, self._ticket())

    def expire_keys(self) -> None:
        """Forget keys whose window is over."""
        self.keys = {name: key for name, key in self.keys.items() if key.expires_at > self.now}

    def pending(self) -> set[UUID]:
        """Return what is unfinished."""
        return {
            delivery_id
            for delivery_id, delivery in self.deliveries.items()
            if delivery.status is DispatchStatus.PENDING
        }

    # Comparison.

    def snapshot(self) -> dict[str, Any]:
        """Return the state in the form in which the real ledger is read."""
        return {
            "deliveries": {
                each: (
                    str(delivery.status),
                    delivery.retry_count,
                    delivery.first_id,
                    self._in(delivery.next_at),
                )
                for each, delivery in self.deliveries.items()
            },
            "outbox": {
                each: (row.attempt, self._in(row.due_at), row.ticket > 0, row.held_for)
                for each, row in self.outbox.items()
            },
            "keys": {
                name: (key.holder, self._in(key.expires_at)) for name, key in self.keys.items()
            },
            "lines": {
                name: [(place.delivery_id, place.has_turn, place.is_parked) for place in line]
                for name, line in self.lines.items()
                if line
            },
            "breakers": {
                webhook: (
                    breaker.last,
                    breaker.failures,
                    breaker.hold_seconds,
                    self._in(breaker.probe_at),
                    breaker.held_count,
                    breaker.probe_id,
                    self._in(breaker.probe_until),
                )
                for webhook, breaker in self.breakers.items()
            },
            "effects": self.effects,
        }

    def _in(self, moment: int | None) -> int | None:
        return on_grid(None if moment is None else moment - self.now)


def _touched_at(delivery: Delivery) -> int:
    return delivery.received_at if delivery.next_at is None else delivery.next_at
