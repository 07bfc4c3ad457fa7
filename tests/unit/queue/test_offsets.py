"""Offsets: what is committed never passes what is unfinished."""

from hypothesis import given
from hypothesis import strategies as st

from shared.queue.offsets import OffsetTracker

#: Rising offsets with gaps, and an order in which some of them finish.
received_offsets = st.sets(st.integers(0, 200), min_size=1, max_size=60).map(sorted)


def track(offsets: list[int]) -> OffsetTracker:
    tracker = OffsetTracker()
    for offset in offsets:
        assert tracker.receive(offset)
    return tracker


@given(data=st.data(), offsets=received_offsets)
def test_position_is_the_first_unfinished_offset(data: st.DataObject, offsets: list[int]) -> None:
    """Whatever finishes in whatever order, the position is the lowest that did not."""
    tracker = track(offsets)
    order = data.draw(st.permutations(offsets))
    finishing = order[: data.draw(st.integers(0, len(order)))]
    for count, offset in enumerate(finishing, start=1):
        tracker.finish(offset)
        unfinished = set(offsets) - set(finishing[:count])
        assert tracker.position == (min(unfinished) if unfinished else offsets[-1] + 1)
        assert tracker.unfinished_count == len(unfinished)


@given(data=st.data(), offsets=received_offsets)
def test_position_never_passes_an_unfinished_offset_when_acknowledgements_are_strange(
    data: st.DataObject, offsets: list[int]
) -> None:
    """Acknowledgements that repeat, come too late or were never received change no promise."""
    tracker = OffsetTracker()
    unfinished: set[int] = set()
    last_position = -1
    for offset in offsets:
        tracker.receive(offset)
        unfinished.add(offset)
        for finished in data.draw(st.lists(st.integers(-5, 210), max_size=4)):
            if finished <= offset:
                unfinished.discard(finished)
            tracker.finish(finished)
        position = tracker.position
        assert position is not None
        assert position >= last_position
        assert all(position <= waiting for waiting in unfinished)
        last_position = position


def test_receive_returns_false_when_an_offset_comes_again() -> None:
    """A record fetched twice is known, and does not move the position back."""
    tracker = track([5, 6, 9])
    tracker.finish(5)
    assert not tracker.receive(5)
    assert not tracker.receive(9)
    assert tracker.position == 6


def test_position_is_none_before_anything_was_received() -> None:
    """A fresh assignment commits nothing."""
    assert OffsetTracker().position is None
    tracker = OffsetTracker()
    tracker.finish(3)
    assert tracker.uncommitted is None


def test_uncommitted_is_the_position_until_it_is_committed() -> None:
    """What was committed is not committed again, until the position moves."""
    tracker = track([1, 2])
    tracker.finish(1)
    seen = [tracker.uncommitted]
    tracker.committed(2)
    seen.append(tracker.uncommitted)
    tracker.finish(2)
    seen.append(tracker.uncommitted)
    assert seen == [2, None, 3]


def test_finish_of_a_gap_does_not_count() -> None:
    """An offset between two received ones, which was never received, finishes nothing."""
    tracker = track([1, 5])
    tracker.finish(3)
    assert tracker.position == 1
    assert tracker.unfinished_count == 2
