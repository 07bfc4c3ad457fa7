"""Every 2xx has exactly one effect, whichever of our programs is killed or frozen meanwhile."""

from dataclasses import replace
from random import Random

import pytest

from deploy.local.control import wait_for
from tests.faults import scenarios
from tests.faults.checker import metric
from tests.faults.journal import percentile
from tests.faults.rig import Rig
from tests.faults.starvation import Starvation
from tests.faults.traffic import Load, Mix

pytestmark = pytest.mark.timeout(180)

_WORKERS = ("worker-1", "worker-2")
_NOT_CLAIMED = "postern_worker_held_deliveries_total"
_RELAYED = "postern_worker_relayed_total"


def _sum(rig: Rig, series: str) -> float:
    return sum(
        metric(program.operations_url, series)
        for program in rig.stack.system.programs.values()
        if program.module == "worker"
    )


@pytest.mark.parametrize("fault_system", ["kafka"], indirect=True)
def test_gateway_killed_between_commit_and_publish(rig: Rig) -> None:
    """What a dead gateway committed and could not publish reaches a worker through the relay."""
    scene = rig.stage()
    relayed_before = _sum(rig, _RELAYED)

    journal = scenarios.gateway_dies_before_publishing(rig, scene)

    rig.assert_kept(scene, journal)
    assert _sum(rig, _RELAYED) - relayed_before >= len(journal.accepted_events()) > 0


def test_gateways_killed_under_load(rig: Rig) -> None:
    """A sender that tries again loses nothing and doubles nothing when gateways die at random."""
    scene, chance = rig.stage(), Random(4)
    with Load(scene, Mix(per_second=60)) as load:
        for name in ("gateway-1", "gateway-2", "gateway-1", "gateway-2"):
            load.wait_accepted(20, since=load.now)
            load.go_on_for(chance.uniform(0.0, 0.3))
            rig.stack.kill(name)
            rig.stack.start(name)

    assert any(answer.fault for answer in load.journal.answers), "no kill met a request"
    rig.assert_kept(scene, load.journal)


def test_workers_killed_between_effect_and_commit(rig: Rig) -> None:
    """Killed inside COMMIT, a delivery is handled once: by the commit, or by the next worker."""
    scene = rig.stage()
    rig.assert_kept(scene, scenarios.workers_die_committing(rig, scene))


def test_worker_frozen_beyond_its_lease(rig: Rig) -> None:
    """A worker that comes back after others took over its deliveries does not double them."""
    scene = rig.stage()
    for journal in scenarios.worker_comes_back_late(rig, scene):
        rig.assert_kept(scene, journal)


def test_worker_frozen_under_load(rig: Rig) -> None:
    """A worker frozen at whatever it does, for longer than its lease, doubles nothing later."""
    scene = rig.stage()
    with Load(scene, Mix(per_second=50)) as load:
        load.wait_accepted(50)
        rig.stack.pause("worker-1")
        load.go_on_for(9)
        rig.stack.resume("worker-1")
        load.wait_accepted(50, since=load.now)

    rig.assert_kept(scene, load.journal)


def test_held_deliveries_hold_up_no_others(rig: Rig) -> None:
    """Deliveries that a frozen worker's transaction holds cost the others nothing but a place."""
    scene = rig.stage()
    before = _sum(rig, _NOT_CLAIMED)
    # Paused for a moment, not stopped: a group that forms anew would wait for what is in hand.
    for name in _WORKERS:
        rig.stack.pause(name)
    held = scenarios.send(scene, replace(scenarios.HANDFUL, event_count=8))
    with rig.hold.deliveries(held.accepted_ids()):
        for name in _WORKERS:
            rig.stack.resume(name)
        # Their claims have waited in vain once, and wait again.
        wait_for(lambda: _sum(rig, _NOT_CLAIMED) - before, lambda count: count >= 8)
        wait_for(lambda: _sum(rig, "postern_worker_in_flight"), lambda count: count > 0)
        starvation = Starvation(rig.stack)
        others = scenarios.send(scene)
        wait_for(lambda: rig.checker.unfinished_count(scene), lambda count: count == 8)
        starved_seconds = starvation.seconds

    waits = rig.assert_kept(scene, others).handled_after_seconds()
    assert percentile(waits, 0.99) < 2 + starved_seconds
    rig.assert_kept(scene, held)
