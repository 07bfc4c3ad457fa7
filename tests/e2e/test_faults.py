"""Every 2xx has exactly one effect, whichever of our programs is killed or frozen meanwhile."""

from random import Random

import pytest

from deploy.local.control import wait_for
from tests.faults.checker import metric
from tests.faults.injection import frozen_kafka
from tests.faults.journal import Journal
from tests.faults.rig import Rig
from tests.faults.scene import wait_until_known
from tests.faults.traffic import Load, Mix

pytestmark = pytest.mark.timeout(180)

with_kafka = pytest.mark.parametrize("fault_system", ["kafka"], indirect=True)
#: Sent at once, to be met all together in the hands of a worker.
_HANDFUL = Mix(event_count=20, per_second=400, repeat_share=0.0, forged_share=0.0)
#: So many of them must be met there; copies that the relay sends meanwhile take places too.
_HELD_COUNT = 10


def _accepted(journal: Journal) -> set[str]:
    return {answer.event_id for answer in journal.accepted()}


def _relayed(rig: Rig) -> float:
    return sum(
        metric(program.operations_url, "postern_worker_relayed_total")
        for program in rig.stack.system.programs.values()
        if program.module == "worker"
    )


@with_kafka
def test_gateway_killed_between_commit_and_publish(rig: Rig) -> None:
    """What a dead gateway committed and could not publish reaches a worker through the relay."""
    scene = rig.stage()
    relayed_before = _relayed(rig)
    with frozen_kafka(rig.stack):
        # A new process has no connection to the broker yet: nothing of its can get there.
        rig.stack.restart("gateway-1")
        wait_until_known(rig.stack, scene, scene.gateways[0])
        with Load(scene.through("gateway-1"), _HANDFUL) as load:
            load.join()
        rig.stack.kill("gateway-1")
        assert not rig.checker.read(scene).effects.keys() & _accepted(load.journal)
    rig.stack.start("gateway-1")

    rig.assert_kept(scene, load.journal)
    assert _relayed(rig) - relayed_before >= len(_accepted(load.journal)) > 0


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
    rig.hold.begin()
    with Load(scene, _HANDFUL) as load:
        load.join()
    held = rig.hold.wait_held(_HELD_COUNT)
    for name in ("worker-1", "worker-2"):
        rig.stack.kill(name)
    for pid in held[::2]:
        rig.hold.roll_back(pid)
    rig.hold.end()
    # Without any worker, what had reached its commit is done; the rest is not.
    accepted = _accepted(load.journal)
    done = wait_for(
        lambda: rig.checker.read(scene).effects.keys() & accepted,
        lambda done: len(done) >= len(held[1::2]),
    )
    assert len(done) < len(accepted)
    for name in ("worker-1", "worker-2"):
        rig.stack.start(name)

    rig.assert_kept(scene, load.journal)


def test_worker_frozen_beyond_its_lease(rig: Rig) -> None:
    """A worker that comes back after others took over its deliveries does not double them."""
    scene = rig.stage()
    rig.stack.stop("worker-2")
    with Load(scene, Mix(event_count=24, per_second=40)) as handed_over:
        handed_over.join()
    rig.checker.wait_until_quiet(scene)  # all partitions are worker-1's
    rig.hold.begin()
    with Load(scene, _HANDFUL) as load:
        load.join()
    held = rig.hold.wait_held(20)
    rig.stack.pause("worker-1")
    for pid in held[::2]:
        rig.hold.roll_back(pid)
    rig.hold.end()
    rig.stack.start("worker-2")
    wait_for(
        lambda: rig.checker.unfinished_count(scene), lambda count: count == 0, timeout_seconds=30
    )
    with Load(scene, Mix(per_second=50)) as later:
        later.wait_accepted(25)
        rig.stack.resume("worker-1")
        later.wait_accepted(50, since=later.now)

    rig.assert_kept(scene, load.journal)
    rig.assert_kept(scene, later.journal)


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
