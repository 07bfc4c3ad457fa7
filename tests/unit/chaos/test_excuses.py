"""A late answer is excused where its gateway was broken, and nowhere else."""

import pytest

from tests.chaos.injector import Happened
from tests.chaos.schedule import Fault, FaultKind, senders_link
from tests.chaos.verdict import Excuses
from tests.faults.journal import Answer, Kind


def _answer(*, sent_at: float, at: float, gateway: str = "gateway-1") -> Answer:
    return Answer(
        event_id="e", kind=Kind.FIRST, gateway=gateway, at=at, latency_seconds=at - sent_at
    )


@pytest.mark.parametrize(
    ("target", "answer", "expected"),
    [
        ("gateway-1", _answer(sent_at=12, at=19), True),
        ("gateway-1", _answer(sent_at=4, at=11), True),
        (senders_link("gateway-1"), _answer(sent_at=12, at=19), True),
        ("gateway-1", _answer(sent_at=1, at=9), False),
        ("gateway-1", _answer(sent_at=25, at=29), False),
        ("gateway-1", _answer(sent_at=12, at=19, gateway="gateway-2"), False),
        ("postgres", _answer(sent_at=12, at=19), False),
    ],
)
def test_late_answer_is_excused(target: str, answer: Answer, *, expected: bool) -> None:
    """A fault from 10 s to 20 s covers requests that met it or its aftermath, at that gateway."""
    fault = Fault(number=0, at=10, kind=FaultKind.FREEZE, target=target, seconds=10, strength=0)
    assert Excuses([Happened(fault, 10.0, 20.0)]).cover(answer) is expected
