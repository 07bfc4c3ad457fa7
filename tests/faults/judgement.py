"""The judgement over a run: what senders saw against ledger and effects. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.journal import Answer, Kind


class Breach(StrEnum):
    """A promise that a run can break."""

    #: Accepted, but not handled.
    LOST = "lost"
    #: Handled more than once.
    DOUBLED = "doubled"
    #: Two answers to one event name different deliveries.
    WRONG_DUPLICATE_ID = "wrong_duplicate_id"
    #: Accepted, but the ledger does not know the delivery.
    ACCEPTED_WITHOUT_COMMIT = "accepted_without_commit"
    #: Handled, but the delivery never came to an end.
    UNFINISHED = "unfinished"
    #: A delivery that cannot be handled did not end as failed.
    NOT_FAILED = "not_failed"
    #: Handled before one of its key that was kept earlier.
    OUT_OF_ORDER = "out_of_order"
    #: More requests were accepted in some time than the webhook's limit and burst allow.
    OVER_LIMIT = "over_limit"
    UNANSWERED_IN_TIME = "unanswered_in_time"
    #: A good signature was refused.
    FALSE_401 = "false_401"
    #: A wrong signature was not.
    FORGED_ACCEPTED = "forged_accepted"
    NO_RETRY_AFTER = "no_retry_after"
    UNEXPECTED_ANSWER = "unexpected_answer"
    #: A program ended without being asked to.
    DIED = "died"
    #: A record that is no delivery was not put aside with its bytes.
    GARBAGE_GONE = "garbage_gone"


@dataclass(frozen=True, slots=True)
class Violation:
    """One event for which a promise did not hold."""

    breach: Breach
    event_id: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A delivery as the ledger has it."""

    delivery_id: str
    event_id: str | None
    dispatch_status: str
    duplicate_of: str | None = None
    retry_count: int = 0
    outcome: str | None = None
    #: From its arrival to the end of its handling; None while it is pending.
    handled_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is on record after a run."""

    #: By delivery id.
    deliveries: Mapping[str, Recorded]
    #: How often each event was handled.
    effects: Mapping[str, int]


def _nothing(_: Answer) -> bool:
    return False


def judge(
    answers: Iterable[Answer],
    ledger: Ledger,
    *,
    answer_within_seconds: float | None,
    excused: Callable[[Answer], bool] = _nothing,
) -> list[Violation]:
    """Return every violation.

    A late answer is none where ``excused`` says so, nor any without ``answer_within_seconds``:
    for runs in which gateways themselves are stopped.
    """
    by_event: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_event[answer.event_id].append(answer)
    return [
        Violation(breach, event_id, detail)
        for event_id, of_event in by_event.items()
        for breach, detail in (
            *_refusal_breaches(of_event),
            *_time_breaches(of_event, answer_within_seconds, excused),
            *_identity_breaches(of_event, ledger),
            *_effect_breaches(of_event, ledger, ledger.effects.get(event_id, 0)),
        )
    ]


def judge_order(handled: Iterable[str]) -> list[Violation]:
    """Return the events that were handled before an earlier one of their key.

    ``handled`` are event ids in the order of their effects; an id ends in a dash and the event's
    number, which grows within a key.
    """
    latest: dict[str, int] = {}
    violations = []
    for event_id in handled:
        key, _, number = event_id.rpartition("-")
        if number.isdecimal() and int(number) < latest.get(key, -1):
            detail = f"handled after {key}-{latest[key]}"
            violations.append(Violation(Breach.OUT_OF_ORDER, event_id, detail))
        elif number.isdecimal():
            latest[key] = int(number)
    return violations


def judge_limit(answers: Iterable[Answer], *, per_minute: int) -> list[Violation]:
    """Return the worst stretch in which more was accepted than limit and burst allow, if any.

    A request was accepted at some moment between its sending and its answer: only those that lie
    within a stretch altogether count for it.
    """
    accepted = sorted((answer for answer in answers if answer.accepted), key=lambda one: one.at)
    starts = sorted(answer.sent_at for answer in accepted)
    per_second = per_minute / 60
    worst, found = 0.0, None
    for start in starts:
        count = 0
        for answer in accepted:
            if answer.sent_at < start:
                continue
            count += 1
            excess = count - per_minute - per_second * (answer.at - start)
            if excess > worst:
                worst, found = excess, (start, count, answer)
    if found is None:
        return []
    start, count, last = found
    detail = f"{count} accepted from {start:.2f} s to {last.at:.2f} s, {worst:.1f} too many"
    return [Violation(Breach.OVER_LIMIT, last.event_id, detail)]


_Breaches = Iterator[tuple[Breach, str]]


def _refusal_breaches(answers: Sequence[Answer]) -> _Breaches:
    for answer in answers:
        shown = f"{answer.kind} at {answer.at:.2f} s by {answer.gateway}: {answer.status}"
        if answer.kind is Kind.FORGED and answer.accepted:
            yield Breach.FORGED_ACCEPTED, shown
        if answer.kind is not Kind.FORGED and answer.status == 401:
            yield Breach.FALSE_401, shown
        if answer.status in {429, 503} and not (answer.retry_after or "").isdecimal():
            yield Breach.NO_RETRY_AFTER, shown
        if answer.status not in {None, 200, 401, 429, 503}:
            yield Breach.UNEXPECTED_ANSWER, shown


def _time_breaches(
    answers: Sequence[Answer], limit: float | None, excused: Callable[[Answer], bool]
) -> _Breaches:
    if limit is None:
        return
    for answer in answers:
        if answer.latency_seconds > limit and not excused(answer):
            shown = f"{answer.latency_seconds:.3f} s by {answer.gateway}"
            yield Breach.UNANSWERED_IN_TIME, f"{answer.status or answer.fault} after {shown}"


def _identity_breaches(answers: Sequence[Answer], ledger: Ledger) -> _Breaches:
    told = {answer.delivery_id for answer in answers if answer.accepted}
    if len(told) > 1:
        yield Breach.WRONG_DUPLICATE_ID, f"answered with {sorted(map(str, told))}"
    for delivery_id in told:
        recorded = ledger.deliveries.get(delivery_id or "")
        if recorded is None:
            yield Breach.ACCEPTED_WITHOUT_COMMIT, f"{delivery_id} is in no table"
        elif recorded.event_id != answers[0].event_id or recorded.duplicate_of is not None:
            yield Breach.WRONG_DUPLICATE_ID, f"answered with {delivery_id}, which is {recorded}"


def _effect_breaches(answers: Sequence[Answer], ledger: Ledger, effect_count: int) -> _Breaches:
    if effect_count > 1:
        yield Breach.DOUBLED, f"{effect_count} effects"
    if answers[0].kind is Kind.FORGED and effect_count:
        yield Breach.FORGED_ACCEPTED, "a forged event had an effect"
    told = {answer.delivery_id or "" for answer in answers if answer.accepted}
    recorded = [found for found in map(ledger.deliveries.get, told) if found is not None]
    statuses = sorted({found.dispatch_status for found in recorded})
    if answers[0].kind is Kind.FAULTY:
        if effect_count or set(statuses) - {"failed"}:
            yield Breach.NOT_FAILED, f"{effect_count} effects, {' and '.join(statuses)}"
        return
    if told and not effect_count:
        yield Breach.LOST, f"accepted, no effect, delivery {' and '.join(statuses) or 'missing'}"
    elif recorded and "dispatched" not in statuses:
        yield Breach.UNFINISHED, f"handled, but the delivery is {' and '.join(statuses)}"
