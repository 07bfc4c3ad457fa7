"""What senders saw: every answer to every request, in the order in which they came."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Why a request was sent."""

    FIRST = "first"
    TWIN = "twin"
    REPEAT = "repeat"
    FORGED = "forged"
    #: Signed and kept, but its handler cannot do anything with it.
    FAULTY = "faulty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One request and what came back."""

    event_id: str
    kind: Kind
    gateway: str
    #: Seconds since the traffic began, when the answer came.
    at: float
    latency_seconds: float
    #: None: the connection broke, or nothing came; ``fault`` then says which.
    status: int | None = None
    delivery_id: str | None = None
    duplicate: bool = False
    retry_after: str | None = None
    fault: str | None = None

    @property
    def sent_at(self) -> float:
        """When the request was sent, as ``at``."""
        return self.at - self.latency_seconds

    @property
    def accepted(self) -> bool:
        """Whether the sender was told that the event is kept."""
        return self.status is not None and 200 <= self.status < 300


class Journal:
    """Answers of one run; written by one thread, read by any."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        #: When the senders themselves stood still, as (begin, end).
        self.stalls: list[tuple[float, float]] = []
        #: By gateway: when it waited for a processor and how long, as (begin, end, seconds).
        self.starved: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)

    def add(self, answer: Answer) -> None:
        """Keep an answer."""
        self.answers.append(answer)

    def answered_within(self, answer: Answer, seconds: float) -> bool:
        """Whether an answer came in time, but for what a busy machine took of it.

        That is when the senders themselves stood still, and what its gateway waited for.
        """
        stalled = sum(_overlap(answer, begin, end) for begin, end in self.stalls)
        starved = sum(
            min(waited, _overlap(answer, begin, end))
            for begin, end, waited in self.starved[answer.gateway]
        )
        return answer.latency_seconds - stalled - starved <= seconds

    def where(self, condition: Callable[[Answer], bool]) -> list[Answer]:
        """Return the answers for which the condition holds."""
        return [answer for answer in self.answers if condition(answer)]

    def accepted(self) -> list[Answer]:
        """Return the answers that promise something."""
        return self.where(lambda answer: answer.accepted)

    def accepted_events(self) -> set[str]:
        """Return the events whose senders were told that they are kept."""
        return {answer.event_id for answer in self.accepted()}

    def accepted_ids(self) -> set[str]:
        """Return the deliveries that senders were told of."""
        return {answer.delivery_id or "" for answer in self.accepted()}

    def between(self, begin: float, end: float) -> "Journal":
        """Return the part that was answered in a stretch of time."""
        part = Journal()
        part.stalls, part.starved = self.stalls, self.starved
        part.answers = self.where(lambda answer: begin <= answer.at < end)
        return part

    def statuses(self) -> Counter[int | str]:
        """Return how often each status came; answers that never came count by their fault."""
        return Counter(answer.status or answer.fault or "nothing" for answer in self.answers)

    def summary(self) -> str:
        """Return counts and latencies in one line."""
        statuses = self.statuses()
        counts = ", ".join(f"{status}: {statuses[status]}" for status in sorted(statuses, key=str))
        events = len({answer.event_id for answer in self.answers})
        return (
            f"{events} events, {len(self.answers)} requests ({counts}); "
            f"2xx {_latencies(self.accepted())}; "
            f"503 {_latencies(self.where(lambda answer: answer.status == 503))}"
        )


def _overlap(answer: Answer, begin: float, end: float) -> float:
    """Return how much of a stretch of time a request was under way."""
    return max(min(end, answer.at) - max(begin, answer.sent_at), 0.0)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that is not below ``share`` of all; 0 of none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


def latencies(seconds: Iterable[float]) -> str:
    """Return the percentiles that matter, in milliseconds."""
    values = list(seconds)
    p50, p99, longest = (percentile(values, share) * 1000 for share in (0.5, 0.99, 1.0))
    return f"p50 {p50:.0f} p99 {p99:.0f} max {longest:.0f} ms"


def _latencies(answers: Iterable[Answer]) -> str:
    return latencies(answer.latency_seconds for answer in answers)
