"""Lanes: disjoint, complete, the same everywhere; and who counts as a crowd."""

import pytest

from shared.queue.lanes import CrowdWatch, lanes_of


@pytest.mark.parametrize("count", range(4, 40))
def test_lanes_share_the_partitions_out(count: int) -> None:
    """Each partition is in one lane; the plain lane is the widest and none is empty."""
    lanes = lanes_of(range(count))
    assert sorted([*lanes.plain, *lanes.ordered, *lanes.crowded]) == list(range(count))
    assert len(lanes.plain) >= len(lanes.ordered) == len(lanes.crowded) >= 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_partitions_are_one_lane(count: int) -> None:
    """Lanes of their own would leave workers without work."""
    lanes = lanes_of(range(count))
    assert lanes.plain is lanes.ordered is lanes.crowded


def _send(watch: CrowdWatch, rates: dict[str, int], *, seconds: int) -> set[str]:
    """Note deliveries at steady rates; return who crowded in the last second."""
    crowding: set[str] = set()
    for second in range(seconds):
        crowding = {
            tenant
            for tenant, rate in rates.items()
            for number in range(rate)
            if watch.note(tenant, second + number / rate)
        }
    return crowding


def test_one_at_twenty_times_the_others_crowds() -> None:
    """The others do not, however many they are."""
    for others in (1, 5, 50):
        rates = {f"calm-{number}": 25 for number in range(others)}
        assert _send(CrowdWatch(0.0), {**rates, "noisy": 500}, seconds=10) == {"noisy"}


def test_equal_tenants_do_not_crowd() -> None:
    """However fast they all are."""
    assert _send(CrowdWatch(0.0), dict.fromkeys("abcd", 2000), seconds=5) == set()


def test_a_slow_tenant_among_slower_ones_does_not_crowd() -> None:
    """Some tens a second hurt nobody, whatever their share is."""
    assert _send(CrowdWatch(0.0), {"some": 45, "few": 1}, seconds=10) == set()


def test_a_tenant_alone_does_not_crowd() -> None:
    """Where nobody else sends, all partitions are its own; who has left is forgotten."""
    watch = CrowdWatch(0.0)
    _send(watch, {"gone": 5}, seconds=1)
    assert not any(watch.note("left", 60 + number / 1000) for number in range(1000))


def test_a_crowd_that_calms_down_is_as_the_others() -> None:
    """Some seconds after its burst a tenant is plain again."""
    watch = CrowdWatch(0.0)
    _send(watch, {"calm": 25, "noisy": 1000}, seconds=5)
    assert not watch.note("noisy", 12.0)
