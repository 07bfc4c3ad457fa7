"""What chaos judges can fail: for each promise, a system that breaks it, and the name it gets.

Where a test says nothing else, the same traffic on the system as it is comes first, and is clean.
"""

import asyncio
import inspect
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from deploy.local.control import wait_for
from tests.chaos.death_watch import DeathWatch
from tests.chaos.group_guest import produce
from tests.chaos.injector import Injector
from tests.chaos.schedule import Fault, FaultKind
from tests.chaos.verdict import garbage_violations
from tests.e2e import test_faults_controls as faults_controls
from tests.faults import sabotage, scenarios
from tests.faults.judgement import Breach, judge_limit, judge_order
from tests.faults.lag import lag
from tests.faults.rig import Rig
from tests.faults.scene import Gateway, Scene, stage, wait_until_known
from tests.faults.traffic import Mix

pytestmark = pytest.mark.timeout(180)

only_kafka = pytest.mark.parametrize("fault_system", ["kafka"], indirect=True)
only_postgres = pytest.mark.parametrize("fault_system", ["postgres"], indirect=True)

_PER_MINUTE = 60
_TOO_MUCH = Mix(
    event_count=150, per_second=100, twin_share=0.0, repeat_share=0.0, forged_share=0.0, tries=1
)
_TWINS = Mix(event_count=10, per_second=100, twin_share=1.0, repeat_share=0.0, forged_share=0.0)
_LINES = Mix(
    event_count=40,
    per_second=120,
    line_count=4,
    twin_share=0.0,
    repeat_share=0.0,
    forged_share=0.0,
)
_ORDERED: Mapping[str, Any] = MappingProxyType(
    {
        "ordering": {"type": "key", "source": {"type": "jsonata", "value": "event.key"}},
        "retry_policy": {"max_attempts": 20, "first_delay_seconds": 0.2},
    }
)
#: The shortest that the settings allow.
_GRACE_SECONDS = 30
_WATCHED = MappingProxyType(
    {
        "POSTERN_WORKER_RECONCILE_GRACE_SECONDS": str(_GRACE_SECONDS),
        "POSTERN_WORKER_KAFKA_SESSION_SECONDS": "6",
    }
)


def _breaches(rig: Rig, scene: Scene, mix: Mix, *, quiet_seconds: float = 40) -> set[Breach]:
    """Return what sending a mix to a scene breaks."""
    journal = scenarios.send(scene, mix)
    return rig.checker.check(scene, journal, quiet_seconds=quiet_seconds).breaches()


def _by(gateway: Gateway, scene: Scene) -> Scene:
    return replace(scene, gateways=[gateway])


def _bootstrap(rig: Rig) -> str:
    kafka = rig.stack.system.kafka
    assert kafka is not None
    return kafka.bootstrap


def _queue_is_empty(rig: Rig) -> bool:
    return asyncio.run(lag(_bootstrap(rig))) == 0


@only_kafka
def test_offsets_committed_early_are_caught(rig: Rig) -> None:
    """What dead workers had in hand is lost, unless a reconciler looks through the ledger.

    With offsets as they are, ``test_workers_killed_between_effect_and_commit`` is clean.
    """
    scene = rig.stage()
    with sabotage.workers(rig.stack, "commit_offsets_early", "leave_unreconciled"):
        journal = scenarios.all_workers_die_committing(
            rig, scene, once=lambda: _queue_is_empty(rig)
        )
        sent_before = time.monotonic()
        report = rig.checker.check(scene, journal, quiet_seconds=0)
        assert report.breaches() == {Breach.LOST}

        # A reconciler looks as soon as it starts: let it find them old enough.
        wait_for(
            lambda: time.monotonic() - sent_before,
            lambda age: age > _GRACE_SECONDS,
            timeout_seconds=2 * _GRACE_SECONDS,
        )
        sabotage.restart_workers(rig.stack, "commit_offsets_early", settings=_WATCHED)
        rig.assert_kept(scene, journal, quiet_seconds=90)


@only_kafka
def test_publishing_before_the_commit_is_caught(rig: Rig) -> None:
    """A worker that finds no such delivery yet drops it for good, or until its reconciler looks.

    Which it does after a minute: long after the judgement.
    """
    scene = rig.stage()
    assert not _breaches(rig, scene, scenarios.HANDFUL)
    with sabotage.gateway(rig.stack, "publish_before_commit") as hasty:
        journal = scenarios.send(_by(hasty, scene))
        wait_for(lambda: _queue_is_empty(rig), bool)
        report = rig.checker.check(scene, journal, quiet_seconds=0)
    assert report.breaches() == {Breach.LOST}


@only_kafka
def test_forgotten_garbage_is_caught(rig: Rig) -> None:
    """A record that is no delivery has to be found again in the dead letters."""
    assert _garbage_breaches(rig) == []
    with sabotage.without(rig.stack, "dead_letters"):
        assert _garbage_breaches(rig) == [Breach.GARBAGE_GONE]


def _garbage_breaches(rig: Rig) -> list[Breach]:
    record = f"garbage {secrets.token_hex(4)}"
    assert not produce(_bootstrap(rig), record.encode()).startswith("void")
    wait_for(lambda: _queue_is_empty(rig), bool, timeout_seconds=30)
    return [item.breach for item in garbage_violations(rig.checker, [record])]


@only_kafka
def test_ignored_turns_are_caught(rig: Rig) -> None:
    """Where handlings fail and come again, only turns keep those of a key in order.

    Where workers read the outbox themselves, it would: it hands out the first of a key alone.
    """
    with sabotage.stumbling(rig.stack, 0.3):
        assert not _order_breaches(rig)
        with sabotage.workers(rig.stack, "ignore_turns"):
            assert _order_breaches(rig) == {Breach.OUT_OF_ORDER}


def _order_breaches(rig: Rig) -> set[Breach]:
    scene = stage(rig.stack, **_ORDERED)
    found = _breaches(rig, scene, _LINES)
    return found | {item.breach for item in judge_order(rig.checker.handled(scene))}


@only_postgres
def test_tokens_leased_twice_are_caught(rig: Rig) -> None:
    """Gateways whose leases the ledger does not count accept more than the limit together."""
    assert not _limit_breaches(rig)
    with sabotage.without(rig.stack, "leasing"):
        assert _limit_breaches(rig) == {Breach.OVER_LIMIT}


def _limit_breaches(rig: Rig) -> set[Breach]:
    scene = stage(rig.stack, rate_limit_per_minute=_PER_MINUTE)
    journal = scenarios.send(scene, _TOO_MUCH)
    assert journal.statuses()[200] > 0
    found = rig.checker.check(scene, journal).breaches()
    over = judge_limit(journal.answers, per_minute=_PER_MINUTE)
    return found | {item.breach for item in over}


@only_postgres
def test_429_without_retry_after_is_caught(rig: Rig) -> None:
    """A sender must be told when to come again."""
    scene = stage(rig.stack, rate_limit_per_minute=_PER_MINUTE)
    assert not _breaches(rig, scene, _TOO_MUCH)
    with sabotage.gateway(rig.stack, "limit_for_good") as silent:
        assert _breaches(rig, _by(silent, scene), _TOO_MUCH) == {Breach.NO_RETRY_AFTER}


@only_postgres
def test_rotation_without_overlap_is_caught(rig: Rig) -> None:
    """Senders that still sign with the old secret are refused, unless it counts for a while."""
    assert not _rotation_breaches(rig, overlap_seconds=300)
    assert _rotation_breaches(rig, overlap_seconds=0) == {Breach.FALSE_401}


def _rotation_breaches(rig: Rig, *, overlap_seconds: int) -> set[Breach]:
    scene = rig.stage()
    path = f"/api/v1/inbound-webhooks/{scene.webhook_id}/rotate-secret"
    answer = rig.stack.api.http.post(path, json={"overlap_seconds": overlap_seconds})
    renewed = replace(scene, secret=answer.raise_for_status().json()["secret"])
    for gateway in scene.gateways:
        wait_until_known(rig.stack, renewed, gateway)
    return _breaches(rig, scene, scenarios.HANDFUL)


@only_postgres
def test_accepted_forgery_is_caught(rig: Rig) -> None:
    """An event with a wrong signature may neither be accepted nor handled."""
    scene, forged = rig.stage(), Mix(event_count=10, per_second=100, forged_share=1.0)
    assert not _breaches(rig, scene, forged)
    with sabotage.gateway(rig.stack, "trust_everybody") as trusting:
        assert _breaches(rig, _by(trusting, scene), forged) == {Breach.FORGED_ACCEPTED}


@only_postgres
def test_repeat_answered_with_another_id_is_caught(rig: Rig) -> None:
    """A repeat has to be answered with the id of its own first delivery."""
    scene = rig.stage()
    assert not _breaches(rig, scene, _TWINS)
    with sabotage.gateway(rig.stack, "misname_duplicates") as confused:
        assert _breaches(rig, _by(confused, scene), _TWINS) == {Breach.WRONG_DUPLICATE_ID}


@only_postgres
def test_refused_good_event_is_caught(rig: Rig) -> None:
    """A good event is answered 2xx, or in a way that lets its sender try again."""
    scene = rig.stage()
    assert not _breaches(rig, scene, scenarios.HANDFUL)
    with sabotage.gateway(rig.stack, "refuse_documents") as picky:
        found = _breaches(rig, _by(picky, scene), scenarios.HANDFUL)
    assert found == {Breach.UNEXPECTED_ANSWER}


@only_postgres
def test_swallowed_rejection_is_caught(rig: Rig) -> None:
    """What cannot be handled must not end as if it had been."""
    scene, faulty = rig.stage(), replace(scenarios.HANDFUL, faulty_share=1.0)
    assert not _breaches(rig, scene, faulty)
    with sabotage.without(rig.stack, "rejecting"):
        assert _breaches(rig, scene, faulty) == {Breach.NOT_FAILED}


@only_postgres
def test_delivery_without_an_end_is_caught(rig: Rig) -> None:
    """What was handled has to be on record as done."""
    scene = rig.stage()
    assert not _breaches(rig, scene, scenarios.HANDFUL)
    with sabotage.without(rig.stack, "ending"):
        journal = scenarios.send(scene)
        wait_for(
            lambda: rig.checker.read(scene).effects,
            lambda effects: effects.keys() >= journal.accepted_events(),
        )
        report = rig.checker.check(scene, journal, quiet_seconds=1)
    assert report.breaches() == {Breach.UNFINISHED}


@only_postgres
def test_program_that_ends_by_itself_is_caught(rig: Rig) -> None:
    """A program that nobody ended is named, and started; one that a fault has in hand is not."""
    system: Any = rig.stack.system
    injector = Injector(rig.stack, system, [])
    deaths, program = DeathWatch(system, injector), system.programs["worker-2"]
    kill = Fault(
        number=1, at=0.0, kind=FaultKind.KILL, target="worker-2", seconds=0.5, strength=0.0
    )
    with ThreadPoolExecutor() as threads:
        fault = threads.submit(injector.inject, kill, lambda: 0.0)
        wait_for(lambda: program.exit_code, lambda code: code is not None)
        assert deaths.look(0.0) == []
        fault.result()

    program.kill()
    (found,) = deaths.look(0.0)
    assert (found.breach, found.event_id) == (Breach.DIED, "worker-2")
    assert deaths.violations == [found]
    program.wait_ready()


_CONTROLS: Mapping[Breach, Sequence[Callable[..., None]]] = MappingProxyType(
    {
        Breach.LOST: [
            faults_controls.test_skipped_outbox_is_caught,
            faults_controls.test_commit_without_flush_is_caught,
            test_offsets_committed_early_are_caught,
            test_publishing_before_the_commit_is_caught,
        ],
        Breach.DOUBLED: [
            faults_controls.test_missing_unique_key_is_caught,
            faults_controls.test_effect_without_its_closing_is_caught,
        ],
        Breach.WRONG_DUPLICATE_ID: [
            faults_controls.test_missing_unique_key_is_caught,
            test_repeat_answered_with_another_id_is_caught,
        ],
        Breach.ACCEPTED_WITHOUT_COMMIT: [faults_controls.test_commit_without_flush_is_caught],
        Breach.UNFINISHED: [test_delivery_without_an_end_is_caught],
        Breach.NOT_FAILED: [test_swallowed_rejection_is_caught],
        Breach.OUT_OF_ORDER: [test_ignored_turns_are_caught],
        Breach.OVER_LIMIT: [test_tokens_leased_twice_are_caught],
        Breach.UNANSWERED_IN_TIME: [faults_controls.test_late_answer_is_caught],
        Breach.FALSE_401: [
            faults_controls.test_refused_good_signature_is_caught,
            test_rotation_without_overlap_is_caught,
        ],
        Breach.FORGED_ACCEPTED: [test_accepted_forgery_is_caught],
        Breach.NO_RETRY_AFTER: [test_429_without_retry_after_is_caught],
        Breach.UNEXPECTED_ANSWER: [test_refused_good_event_is_caught],
        Breach.DIED: [test_program_that_ends_by_itself_is_caught],
        Breach.GARBAGE_GONE: [test_forgotten_garbage_is_caught],
    }
)


@pytest.mark.parametrize("breach", Breach)
def test_every_breach_has_a_control(breach: Breach) -> None:
    """For each name that a judgement can give, a test shows a system that earns it."""
    controls = _CONTROLS.get(breach, [])
    assert controls
    for control in controls:
        assert control.__name__.startswith("test_")
        assert f"Breach.{breach.name}" in inspect.getsource(control)
