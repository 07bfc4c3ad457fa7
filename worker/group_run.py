"""Deliveries that share a transaction: many waiting cost one claim and one commit together.

Of one tenant so many transactions run at a time; what comes meanwhile waits and makes up the next
ones. Who comes when none waits goes alone, so that a quiet system shares nothing. All that shared
comes apart together: each delivery is then handled by itself, as though nothing had been tried.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from weakref import WeakValueDictionary

import asyncpg

from shared.clock import Clock
from shared.database.pool import Connection, Pool
from shared.domain.identifiers import TenantId, WebhookId
from shared.errors import DatabaseUnavailable, DeliveryHeld
from shared.ledger.attempts import (
    ExpectedDelivery,
    UnexpectedDeliveryError,
    claimed_group,
)
from worker import metrics
from worker.attempt import Attempt, GroupLimits
from worker.bounded_run import is_away
from worker.handlers.direct_action import PreparedAction, run_together
from worker.outcome import Done

#: Longer than any group should take. The members of one that does not end wait no longer for it.
_LONGEST_SECONDS = 0.5
#: For so long a webhook of which one member could not share goes alone.
_APART_SECONDS = 1.0
#: A delivery alone whose claim and action take longer keeps the others waiting no more.
_LONGEST_ALONE_SECONDS = 0.05


class GroupBrokenError(Exception):
    """Some member cannot share the transaction: nothing of it is kept."""

    def __init__(self, members: Iterable["_Member"]) -> None:
        #: The webhooks among which the member's is.
        self.webhook_ids = {member.webhook_id for member in members}
        super().__init__(", ".join(map(str, self.webhook_ids)))


#: After these nothing of the group is kept. A refused commit has not happened.
_COMES_APART = (GroupBrokenError, DeliveryHeld, asyncpg.PostgresError)


@dataclass(slots=True, eq=False)
class _Member:
    attempt: Attempt
    prepared: PreparedAction
    #: Done once it is to lead, or once the group that it was in has ended.
    called: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    leads: bool = False
    #: None while nothing is kept.
    outcome: Done | None = None
    #: Its claim did not find it as expected.
    is_unexpected: bool = False

    def lead(self) -> None:
        """Have it lead a group, or go alone."""
        self.leads = True
        self.called.set_result(None)

    def end(self, fault: BaseException | None) -> None:
        """Tell it that its group has ended, unless it leads it or waits no longer."""
        if self.called.done():
            return
        match fault:
            case None:
                self.called.set_result(None)
            case DatabaseUnavailable():
                self.called.set_exception(fault)
            case _:
                self.called.set_exception(DatabaseUnavailable("the group was given up"))

    @property
    def webhook_id(self) -> WebhookId:
        """Return the webhook that it came by."""
        return self.prepared.webhook.webhook_id

    @property
    def expected(self) -> ExpectedDelivery:
        """Return what its claim expects."""
        delivery = self.attempt.delivery
        return ExpectedDelivery(
            delivery.delivery_id, delivery.attempt, self.prepared.webhook.version
        )


class _Lane:
    """Deliveries of one tenant: some transactions at a time, the others wait."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: deque[_Member] = deque()

    def enter(self, member: _Member) -> None:
        """Have it wait, or lead where there is room."""
        self._waiting.append(member)
        if self._free:
            self._free -= 1
            member.lead()

    def leave(self, member: _Member) -> None:
        """Have it wait no longer."""
        if member in self._waiting:
            self._waiting.remove(member)

    def companions(self, leader: _Member, most: int) -> list[_Member]:
        """Take out a leader; return those that share its transaction, taken out as well."""
        self._waiting.remove(leader)
        # One that is called leads a transaction of its own. Another copy of a delivery must not
        # be in the same one: it would find its claim as it expects.
        ids = {leader.attempt.delivery.delivery_id}
        taken: list[_Member] = []
        for one in self._waiting:
            if len(taken) == most:
                break
            delivery_id = one.attempt.delivery.delivery_id
            if not one.called.done() and delivery_id not in ids:
                ids.add(delivery_id)
                taken.append(one)
        for one in taken:
            self._waiting.remove(one)
        return taken

    def pass_on(self) -> None:
        """Have the first that waits lead the next transaction."""
        following = next((one for one in self._waiting if not one.called.done()), None)
        if following is None:
            self._free += 1
        else:
            following.lead()


class Place:
    """The room that a transaction takes up in its lane, until it is given to the next."""

    def __init__(self, pass_on: Callable[[], None]) -> None:
        self._pass_on: Callable[[], None] | None = pass_on
        self._timer: asyncio.TimerHandle | None = None

    def leave(self) -> None:
        """Give it to the next, unless that has happened."""
        self.hold()
        if self._pass_on is not None:
            self._pass_on()
            self._pass_on = None

    def leave_if_slow(self) -> None:
        """Give it to the next after a moment, unless ``hold`` is called before."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LONGEST_ALONE_SECONDS, self.leave)

    def hold(self) -> None:
        """Keep it for as long as it takes."""
        if self._timer is not None:
            self._timer.cancel()


#: Runs a delivery in a transaction of its own.
RunAlone = Callable[[Place], Awaitable[Done]]


class GroupRun:
    """Runs prepared actions, in groups where many wait."""

    def __init__(
        self,
        pool: Pool,
        limits: GroupLimits,
        clock: Clock,
        finish: Callable[[Connection, Sequence[tuple[Attempt, Done]]], None],
    ) -> None:
        """Close what a group has done with ``finish``, called last in its transaction."""
        self._pool = pool
        self._limits = limits
        self._clock = clock
        self._finish = finish
        #: Of each tenant one for those that may share, and one for those that cannot.
        self._lanes: WeakValueDictionary[tuple[TenantId, bool], _Lane] = WeakValueDictionary()
        self._lines: WeakValueDictionary[TenantId, asyncio.Semaphore] = WeakValueDictionary()
        self._apart_until: dict[WebhookId, float] = {}

    async def run(self, attempt: Attempt, prepared: PreparedAction, alone: RunAlone) -> Done:
        """Return the outcome, committed.

        ``alone`` is called for a delivery that has no others to share with, or cannot; what it
        raises is passed on.

        Raises:
            UnexpectedDeliveryError: It is not as its claim expects; of it nothing has happened.
            DatabaseUnavailable: The outcome of the group is unknown.
        """
        tenant_id = attempt.delivery.tenant_id
        shares = self._limits.members > 1 and not self._is_apart(prepared.webhook.webhook_id)
        while True:
            limit = self._limits.groups if shares else self._limits.apart
            lane = self._lanes.setdefault((tenant_id, shares), _Lane(limit))
            member = _Member(attempt, prepared)
            await self._await_turn(lane, member, alone, most=self._limits.members if shares else 1)
            if member.outcome is not None:
                return member.outcome
            shares = False  # its group came apart

    async def run_in_order(self, line: Sequence[tuple[Attempt, PreparedAction]]) -> bool:
        """Run actions in one transaction, in order, and close them so; False: nothing is kept.

        Raises:
            DatabaseUnavailable: The outcome is unknown.
        """
        members = [_Member(attempt, prepared) for attempt, prepared in line]
        if any(self._is_apart(member.webhook_id) for member in members):
            return False
        # As many at a time as groups: more would only share the same processors and plans.
        async with self._lines.setdefault(
            line[0][0].delivery.tenant_id, asyncio.Semaphore(self._limits.groups)
        ):
            try:
                return await self._share(members)
            except UnexpectedDeliveryError:
                return False

    async def _await_turn(
        self, lane: _Lane, member: _Member, alone: RunAlone, *, most: int
    ) -> None:
        lane.enter(member)
        place = Place(lane.pass_on)
        try:
            await member.called
            if member.leads:
                await asyncio.sleep(0)  # those that came in the same turn of the loop come along
                await self._lead(member, lane.companions(member, most - 1), place, alone)
        finally:
            lane.leave(member)
            if member.leads:
                place.leave()
        if member.is_unexpected:
            raise UnexpectedDeliveryError(str(member.expected))

    async def _lead(
        self, leader: _Member, others: Sequence[_Member], place: Place, alone: RunAlone
    ) -> None:
        if others:
            # Those of one action side by side: they may run together.
            await self._run_members(sorted([leader, *others], key=_action_name))
        else:
            leader.outcome = await alone(place)

    async def _run_members(self, members: Sequence[_Member]) -> None:
        """Run a group, and call its members whatever becomes of it."""
        fault: BaseException | None = None
        try:
            await self._share_expected(members)
        except BaseException as error:
            fault = error
            raise
        finally:
            for member in members:
                member.end(fault)

    async def _share_expected(self, members: Sequence[_Member]) -> None:
        """Share, without those that are not as expected, such as late copies."""
        try:
            await self._share(members)
        except UnexpectedDeliveryError as error:
            for member in members:
                member.is_unexpected = member.attempt.delivery.delivery_id in error.delivery_ids
            rest = [member for member in members if not member.is_unexpected]
            if 1 < len(rest) < len(members):
                await self._share_expected(rest)

    async def _share(self, members: Sequence[_Member]) -> bool:
        """Run members in order in one transaction; return whether it was committed.

        Raises:
            UnexpectedDeliveryError: It was not: some are not as expected.
        """
        tenant_id = members[0].attempt.delivery.tenant_id
        try:
            async with claimed_group(
                self._pool, tenant_id, [member.expected for member in members]
            ) as connection:
                done = await self._handle(members, connection)
                self._finish(connection, [(one.attempt, done[one]) for one in members])
        except _COMES_APART as error:
            metrics.GROUPS.labels("broken").inc()
            if isinstance(error, GroupBrokenError):
                self._set_apart(error.webhook_ids)
            return False
        metrics.GROUPS.labels("committed").inc()
        metrics.GROUP_MEMBERS.inc(len(members))
        for member, outcome in done.items():
            member.outcome = outcome
        return True

    async def _handle(
        self, members: Sequence[_Member], connection: Connection
    ) -> dict[_Member, Done]:
        done: dict[_Member, Done] = {}
        deadline = asyncio.get_running_loop().time() + _LONGEST_SECONDS
        for alike in _alike(members):
            try:
                async with asyncio.timeout_at(deadline):
                    outcomes = await run_together([one.prepared for one in alike], connection)
            except Exception as error:
                if connection.is_closed() or is_away(error):
                    raise DatabaseUnavailable(f"PostgreSQL: {error}") from error
                raise GroupBrokenError(alike) from error
            for member, outcome in zip(alike, outcomes, strict=True):
                if not isinstance(outcome, Done):
                    raise GroupBrokenError([member])
                done[member] = outcome
        return done

    def _is_apart(self, webhook_id: WebhookId) -> bool:
        until = self._apart_until.get(webhook_id)
        if until is None:
            return False
        if self._clock.monotonic() < until:
            return True
        del self._apart_until[webhook_id]
        return False

    def _set_apart(self, webhook_ids: Iterable[WebhookId]) -> None:
        until = self._clock.monotonic() + _APART_SECONDS
        self._apart_until.update(dict.fromkeys(webhook_ids, until))


def _action_name(member: _Member) -> str:
    return member.prepared.action.name


def _alike(members: Iterable[_Member]) -> Iterator[list[_Member]]:
    """Yield neighbours together whose action can run for several, and each other by itself."""
    for _, neighbours in groupby(members, key=_action_name):
        same = list(neighbours)
        if same[0].prepared.action.run_together is not None:
            yield same
        else:
            yield from ([member] for member in same)
