"""What a run has shown: figures, every broken promise, and the history of the first."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.injector import Happened, Injector
from tests.chaos.lanes import Lane
from tests.chaos.schedule import senders_link
from tests.faults.checker import Checker, Report
from tests.faults.journal import Answer, Journal
from tests.faults.judgement import Breach, Violation, judge, judge_limit, judge_order

#: Twice the promise and more: two processor cores are shared by eleven programs and the senders.
_ANSWER_WITHIN_SECONDS = 3.0
#: A program that was just started or let go on needs a moment to be itself.
_RECOVERY_SECONDS = 2.0
_SHOWN_LOG_LINES = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run has shown."""

    reports: Mapping[str, Report]
    happened: Sequence[Happened]
    #: Those of no event among them.
    violations: Sequence[Violation]
    seconds: Mapping[str, float]
    logs: Path
    #: At the deliveries of the first violation's event.
    attempts: Sequence[str] = ()

    def __str__(self) -> str:
        kinds = Counter(one.fault.kind.value for one in self.happened)
        void = [one for one in self.happened if one.is_void]
        took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        lines = [
            f"{len(self.happened)} faults ({_counts(kinds)}), {len(void)} of them void; {took}",
            *(f"{name}: {report.figures()}" for name, report in self.reports.items()),
            f"violations: {_counts(self._breaches()) or 'none'}",
        ]
        if self.violations:
            lines += ["", "The first:", *self.history(self.violations[0])]
        return "\n".join(lines)

    def history(self, violation: Violation) -> list[str]:
        """Return all that is known of an event: answers, ledger, attempts, faults, log lines."""
        lines = [str(violation)]
        for report in self.reports.values():
            answers = report.journal.where(lambda item: item.event_id == violation.event_id)
            if not answers:
                continue
            lines += report.history(violation.event_id)
            begin, end = min(one.sent_at for one in answers), max(one.at for one in answers)
            lines += [
                f"fault {one}"
                for one in self.happened
                if one.ended >= begin - 5 and one.began <= end + 30
            ]
            lines += self.attempts
            lines += self._log_lines(_delivery_ids(report, violation.event_id))
        return lines

    def _breaches(self) -> Counter[str]:
        return Counter(violation.breach.value for violation in self.violations)

    def _log_lines(self, delivery_ids: set[str]) -> list[str]:
        found = []
        for path in sorted(self.logs.glob("*.log")):
            with path.open(errors="replace") as log:
                found += [
                    f"{path.name}: {line.rstrip()}"
                    for line in log
                    if any(name in line for name in delivery_ids)
                ]
        return found[:_SHOWN_LOG_LINES]


def give_verdict(
    checker: Checker,
    journals: Sequence[tuple[Lane, Journal]],
    injector: Injector,
    *,
    deaths: Sequence[Violation],
    seconds: Mapping[str, float],
    logs: Path,
) -> Verdict:
    """Judge every event of every lane, the order, the limit and what is no event's alone."""
    excuses = Excuses(injector.happened)
    reports = {}
    violations = [*deaths, *garbage_violations(checker, injector.garbage)]
    for lane, journal in journals:
        ledger = checker.read(lane.scene)
        found = judge(
            journal.answers,
            ledger,
            answer_within_seconds=_ANSWER_WITHIN_SECONDS,
            excused=excuses.beside(journal),
        )
        if lane.mix.line_count:
            found += judge_order(checker.handled(lane.scene))
        if lane.per_minute is not None:
            found += judge_limit(journal.answers, per_minute=lane.per_minute)
        reports[lane.name] = Report(journal, ledger, found)
        violations += found
    first = violations[0].event_id if violations else ""
    attempts = [
        attempt
        for report in reports.values()
        for delivery_id in _delivery_ids(report, first)
        for attempt in checker.attempts(delivery_id)
    ]
    return Verdict(reports, injector.happened, violations, seconds, logs, attempts)


class Excuses:
    """Knows when a gateway could not answer in time: it, or the senders' way to it, was broken."""

    def __init__(self, happened: Sequence[Happened]) -> None:
        self._broken: dict[str, list[tuple[float, float]]] = {}
        for one in happened:
            span = (one.began, one.ended + _RECOVERY_SECONDS)
            self._broken.setdefault(one.fault.target, []).append(span)

    def beside(self, journal: Journal) -> Callable[[Answer], bool]:
        """Return a judge of late answers that knows of the senders' own stalls as well."""
        return lambda answer: (
            journal.answered_within(answer, _ANSWER_WITHIN_SECONDS) or self.cover(answer)
        )

    def cover(self, answer: Answer) -> bool:
        """Whether there is one for a late answer."""
        spans = [
            *self._broken.get(answer.gateway, ()),
            *self._broken.get(senders_link(answer.gateway), ()),
        ]
        return any(answer.sent_at <= end and begin <= answer.at for begin, end in spans)


def garbage_violations(checker: Checker, records: Iterable[str]) -> list[Violation]:
    """Return the records that are no deliveries and were not put aside."""
    kept = checker.garbage()
    return [
        Violation(Breach.GARBAGE_GONE, record, "is among no dead letters")
        for record in records
        if record not in kept
    ]


def _delivery_ids(report: Report, event_id: str) -> set[str]:
    """Return those that were told to senders and those that the ledger knows."""
    answers = report.journal.where(lambda item: item.event_id == event_id)
    rows = report.ledger.deliveries.values()
    told = {one.delivery_id for one in answers if one.delivery_id is not None}
    return told | {row.delivery_id for row in rows if row.event_id == event_id}


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())
