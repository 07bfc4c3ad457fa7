"""Events in lines of numbered ones, beside others without order, and which of them were accepted.

An event's id says its line and its number there: ``line-17/42``. The next of a line is sent only
after the one before was accepted, so that the sender's order is beyond doubt.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, cycle

import orjson

from tests.benchmark.events import EVENT, Target, signed_request
from tests.benchmark.generator import Answer
from tests.benchmark.steady import Sending

_PLAIN_DEVICES = 1000
_ID, _DEVICE = "EVENT-ID", "device-42"
_BEFORE, _REST = orjson.dumps(EVENT).split(_ID.encode())
_BETWEEN, _AFTER = _REST.split(_DEVICE.encode())


@dataclass(slots=True)
class _Line:
    target: Target
    device: str
    number: int = 1


class Arrivals:
    """The source of a load; safe to read once the load has ended."""

    def __init__(
        self,
        plain: Sequence[Target],
        ordered: Sequence[Target] = (),
        *,
        ordered_share: float = 0.0,
        line_count: int = 200,
    ) -> None:
        self.accepted: set[str] = set()
        #: How many events were sent without order although a line's was due: all lines waited.
        self.late_lines = 0
        self._plain = cycle(plain)
        self._numbers = count(1)
        self._share = ordered_share if ordered else 0.0
        self._credit = 0.0
        self._lines = deque(
            _Line(target, f"line-{number}")
            for number, target in zip(range(line_count), cycle(ordered), strict=False)
        )

    def next(self) -> Sending:
        """Return the event that is due."""
        self._credit += self._share
        if self._credit >= 1:
            if self._lines:
                self._credit -= 1
                return self._of_line(self._lines.popleft())
            self.late_lines += 1
        return self._without_order(next(self._numbers))

    def _without_order(self, number: int) -> Sending:
        event_id = f"free/{number}"
        body = body_of(event_id, f"free-{number % _PLAIN_DEVICES}")

        def answered(answer: Answer) -> None:
            self._note(event_id, answer)

        return Sending(signed_request(next(self._plain), body), answered)

    def _of_line(self, line: _Line) -> Sending:
        event_id = f"{line.device}/{line.number}"

        def answered(answer: Answer) -> None:
            if self._note(event_id, answer):
                line.number += 1
            self._lines.append(line)

        return Sending(signed_request(line.target, body_of(event_id, line.device)), answered)

    def _note(self, event_id: str, answer: Answer) -> bool:
        is_accepted = 200 <= answer.status < 300
        if is_accepted:
            self.accepted.add(event_id)
        return is_accepted


def body_of(event_id: str, device: str) -> bytes:
    """Return a device event."""
    return b"".join((_BEFORE, event_id.encode(), _BETWEEN, device.encode(), _AFTER))
