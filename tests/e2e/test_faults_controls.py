"""The fault tests can fail: with a protection taken away, the check names what was broken."""

from dataclasses import replace

import pytest

from tests.faults import sabotage, scenarios
from tests.faults.journal import Journal
from tests.faults.judgement import Breach
from tests.faults.rig import Rig
from tests.faults.scene import Scene
from tests.faults.traffic import Load, Mix

pytestmark = pytest.mark.timeout(180)

only_kafka = pytest.mark.parametrize("fault_system", ["kafka"], indirect=True)
only_postgres = pytest.mark.parametrize("fault_system", ["postgres"], indirect=True)


def _breaches(rig: Rig, scene: Scene, journal: Journal, *, quiet_seconds: float) -> set[Breach]:
    return rig.checker.check(scene, journal, quiet_seconds=quiet_seconds).breaches()


@only_kafka
def test_skipped_outbox_is_caught(rig: Rig) -> None:
    """Without outbox rows, what a dead gateway did not publish is lost."""
    scene = rig.stage()
    with sabotage.without(rig.stack, "outbox"):
        journal = scenarios.gateway_dies_before_publishing(rig, scene)

    report = rig.checker.check(scene, journal, quiet_seconds=4)
    assert report.breaches() == {Breach.LOST}
    assert {item.event_id for item in report.violations} == journal.accepted_events()


def test_missing_unique_key_is_caught(rig: Rig) -> None:
    """Without the unique key, twins have an effect each, and ids of their own."""
    scene = rig.stage()
    twins = Mix(event_count=10, per_second=100, twin_share=1.0, forged_share=0.0)
    with sabotage.without(rig.stack, "idempotency"):
        journal = scenarios.send(scene, twins)

    assert _breaches(rig, scene, journal, quiet_seconds=20) == {
        Breach.DOUBLED,
        Breach.WRONG_DUPLICATE_ID,
    }


def test_effect_without_its_closing_is_caught(rig: Rig) -> None:
    """Without the state that commits with the effect, a redelivered event has a second one."""
    scene = rig.stage()
    with sabotage.without(rig.stack, "closing"):
        journal = scenarios.workers_die_committing(rig, scene)
        # How soon the event comes again is up to the queue: a lease, or a group's rebalance.
        looks = (_breaches(rig, scene, journal, quiet_seconds=6) for _ in range(10))
        assert any(Breach.DOUBLED in found for found in looks)


@only_postgres
def test_commit_without_flush_is_caught(rig: Rig) -> None:
    """Without flushed commits, what was answered 2xx is gone after a power cut."""
    scene = rig.stage()
    with sabotage.without_flushing(rig.stack):
        with Load(scene, Mix(per_second=100, forged_share=0.0, tries=1)) as load:
            load.wait_accepted(100)
            rig.stack.kill("postgres")
        rig.stack.start("postgres")

    found = _breaches(rig, scene, load.journal, quiet_seconds=20)
    assert {Breach.ACCEPTED_WITHOUT_COMMIT, Breach.LOST} <= found


@only_postgres
def test_refused_good_signature_is_caught(rig: Rig) -> None:
    """A genuine event answered 401 is named."""
    scene = rig.stage()
    stranger = replace(scene, secret="another secret")
    journal = scenarios.send(stranger)
    assert _breaches(rig, scene, journal, quiet_seconds=5) == {Breach.FALSE_401}


@only_postgres
def test_late_answer_is_caught(rig: Rig) -> None:
    """A gateway that hangs longer than its deadline is named."""
    scene = rig.stage()
    with Load(scene, Mix(per_second=20, patience_seconds=2.0)) as load:
        load.wait_accepted(5)
        rig.stack.pause("gateway-1")
        load.go_on_for(3)
        rig.stack.resume("gateway-1")

    assert _breaches(rig, scene, load.journal, quiet_seconds=20) == {Breach.UNANSWERED_IN_TIME}


@only_postgres
def test_each_tampered_record_is_caught(rig: Rig) -> None:
    """A run that was clean is not, once an effect, a delivery or an answer is changed."""
    scene = rig.stage()
    journal = scenarios.send(scene)
    rig.assert_kept(scene, journal)
    lost, doubled, uncommitted, misnamed = journal.accepted()[:4]

    sabotage.forget_effects(rig.stack, lost.event_id)
    sabotage.add_effect(rig.stack, doubled.event_id)
    sabotage.forget_delivery(rig.stack, str(uncommitted.delivery_id))
    journal.add(replace(misnamed, delivery_id=doubled.delivery_id))

    report = rig.checker.check(scene, journal, quiet_seconds=5)
    assert {(item.breach, item.event_id) for item in report.violations} >= {
        (Breach.LOST, lost.event_id),
        (Breach.DOUBLED, doubled.event_id),
        (Breach.ACCEPTED_WITHOUT_COMMIT, uncommitted.event_id),
        (Breach.WRONG_DUPLICATE_ID, misnamed.event_id),
    }
