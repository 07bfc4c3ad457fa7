"""Faults that hit one exact moment, for tests that survive them and controls that do not."""

from collections.abc import Callable

from deploy.local.control import wait_for
from tests.faults.injection import frozen_kafka
from tests.faults.journal import Journal
from tests.faults.rig import Rig
from tests.faults.scene import Scene, wait_until_known
from tests.faults.traffic import Load, Mix

#: Sent at once, to be met all together in one place.
HANDFUL = Mix(event_count=20, per_second=400, repeat_share=0.0, forged_share=0.0)
#: So many of them must be met there; copies that the relay sends meanwhile take places too.
_HELD_COUNT = 10
_WORKERS = ("worker-1", "worker-2")


def send(scene: Scene, mix: Mix = HANDFUL) -> Journal:
    """Send all events of a mix; return what came back."""
    with Load(scene, mix) as load:
        load.join()
    return load.journal


def gateway_dies_before_publishing(rig: Rig, scene: Scene) -> Journal:
    """Kill a gateway that has committed deliveries and published none of them."""
    with frozen_kafka(rig.stack):
        # A new process has no connection to the broker yet: nothing of its can get there.
        rig.stack.restart("gateway-1")
        wait_until_known(rig.stack, scene, scene.gateways[0])
        journal = send(scene.through("gateway-1"))
        rig.stack.kill("gateway-1")
        assert not rig.checker.read(scene).effects.keys() & journal.accepted_events()
    rig.stack.start("gateway-1")
    return journal


def workers_die_committing(rig: Rig, scene: Scene) -> Journal:
    """Kill all workers inside COMMITs, of which half succeed; then start them again."""
    journal = all_workers_die_committing(rig, scene)
    for name in _WORKERS:
        rig.stack.start(name)
    return journal


def all_workers_die_committing(
    rig: Rig, scene: Scene, *, once: Callable[[], bool] = lambda: True
) -> Journal:
    """Kill all workers inside COMMITs, of which half succeed, once something is so."""
    rig.hold.begin()
    journal = send(scene)
    held = rig.hold.wait_held(_HELD_COUNT)
    wait_for(once, bool)
    for name in _WORKERS:
        rig.stack.kill(name)
    for pid in held[::2]:
        rig.hold.roll_back(pid)
    rig.hold.end()
    # Without any worker, what had reached its commit is done; the rest is not.
    done = wait_for(
        lambda: rig.checker.read(scene).effects.keys() & journal.accepted_events(),
        lambda done: len(done) >= len(held[1::2]),
    )
    assert len(done) < len(journal.accepted_events())
    return journal


def worker_comes_back_late(rig: Rig, scene: Scene) -> tuple[Journal, Journal]:
    """Freeze a worker inside COMMITs until another has done its work, then let it go on.

    Half of the commits succeed. Returns what was sent before, and what was sent around the return.
    """
    rig.stack.stop("worker-2")
    send(scene, Mix(event_count=24, per_second=40))
    rig.checker.wait_until_quiet(scene)  # all partitions are worker-1's
    rig.hold.begin()
    journal = send(scene)
    held = rig.hold.wait_held(_HELD_COUNT)
    rig.stack.pause("worker-1")
    for pid in held[::2]:
        rig.hold.roll_back(pid)
    rig.hold.end()
    rig.stack.start("worker-2")
    # The lease is 8.5 s; the transactions that the worker was in the middle of end with it.
    wait_for(
        lambda: rig.checker.unfinished_count(scene), lambda count: count == 0, timeout_seconds=25
    )
    with Load(scene, Mix(per_second=50)) as later:
        later.wait_accepted(25)
        rig.stack.resume("worker-1")
        later.wait_accepted(50, since=later.now)
    return journal, later.journal
