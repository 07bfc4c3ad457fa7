"""The schedule of faults hangs on nothing but its seed."""

from collections import Counter

from tests.chaos.schedule import FaultKind, draw_schedule


def test_same_seed_gives_the_same_schedule() -> None:
    """Faults, targets, times, lengths and strengths: all equal; another seed gives others."""
    first = draw_schedule(7, fault_count=300, seconds=600)
    assert draw_schedule(7, fault_count=300, seconds=600) == first
    assert draw_schedule(8, fault_count=300, seconds=600) != first


def test_schedule_of_ci_size_has_every_kind() -> None:
    """120 faults meet every kind, whatever the seed, and each target as often as another."""
    for seed in range(20):
        faults = draw_schedule(seed, fault_count=120, seconds=300)
        assert {fault.kind for fault in faults} == set(FaultKind)
        times = Counter((fault.kind, fault.target) for fault in faults)
        single = [count for (kind, _), count in times.items() if kind is FaultKind.FREEZE]
        assert max(single) - min(single) <= 1


def test_schedule_spreads_over_the_run() -> None:
    """Times go up, and no tenth of the run is without its share."""
    faults = draw_schedule(1, fault_count=100, seconds=500)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert set(Counter(int(fault.at // 50) for fault in faults).values()) == {10}
