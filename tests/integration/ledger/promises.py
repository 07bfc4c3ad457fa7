"""What holds at every moment, whatever the model says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID


class Promises:
    """Judges the states of one ledger, as read one after the other."""

    def __init__(self) -> None:
        self._ended: dict[UUID, str] = {}

    def check(self, seen: Mapping[str, Any], placed: Mapping[str, Sequence[UUID]]) -> None:
        """Assert everything that is promised; ``placed`` is the order of acceptance by line."""
        status_of = {each: facts[0] for each, facts in seen["deliveries"].items()}
        self._check_ends(status_of)
        _check_effects(status_of, seen["effects"])
        _check_keys(status_of, seen)
        _check_nothing_is_stuck(status_of, seen)
        _check_order(placed, seen["effects"])

    def _check_ends(self, status_of: Mapping[UUID, str]) -> None:
        """What has ended stays so."""
        assert {each: status_of[each] for each in self._ended} == self._ended
        self._ended = {each: status for each, status in status_of.items() if status != "pending"}


def _check_effects(status_of: Mapping[UUID, str], effects: Sequence[UUID]) -> None:
    """What is dispatched has one effect, and nothing else has any."""
    dispatched = [each for each, status in status_of.items() if status == "dispatched"]
    assert Counter(effects) == Counter(dispatched)


def _check_keys(status_of: Mapping[UUID, str], seen: Mapping[str, Any]) -> None:
    """A key leads to a delivery that may have its effect, and so does a duplicate, at birth."""
    assert "failed" not in {status_of[holder] for holder, _ in seen["keys"].values()}
    for status, _, first_id, _ in seen["deliveries"].values():
        assert (status == "duplicate") == (first_id is not None)
        assert first_id is None or status_of[first_id] != "duplicate"


def _check_nothing_is_stuck(status_of: Mapping[UUID, str], seen: Mapping[str, Any]) -> None:
    """What is pending is queued, waits behind another of its line, or is found as lost."""
    pending = {each for each, status in status_of.items() if status == "pending"}
    assert seen["outbox"].keys() <= pending
    for line in seen["lines"].values():
        assert sum(has_turn for _, has_turn, _ in line) <= 1
        first_id, _, is_parked = line[0]
        assert first_id in pending
        assert not is_parked or first_id in seen["outbox"]


def _check_order(placed: Mapping[str, Sequence[UUID]], effects: Sequence[UUID]) -> None:
    """The effects of a line come in the order of acceptance."""
    for line in placed.values():
        come = [each for each in effects if each in line]
        assert come == [each for each in line if each in come]
