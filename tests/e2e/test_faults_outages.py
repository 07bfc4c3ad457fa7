"""Every 2xx has exactly one effect, whichever server is away, stopped or hung meanwhile."""

import pytest

from shared.embedded.ports import accepts
from shared.embedded.processes import wait_until
from tests.faults.checker import ANSWER_WITHIN_SECONDS
from tests.faults.injection import frozen_postgres
from tests.faults.journal import Answer, Journal, Kind
from tests.faults.rig import Rig
from tests.faults.starvation import Starvation
from tests.faults.traffic import Load, Mix

pytestmark = pytest.mark.timeout(180)

_STEADY = Mix(per_second=50)
#: Longer than a producer waits for an answer, and than it is kept without one.
_LONG_SECONDS = 14.0
_SHORT_SECONDS = 5.0


@pytest.mark.parametrize("fault_system", ["kafka"], indirect=True)
@pytest.mark.parametrize(
    ("manner", "seconds"), [("kill", _LONG_SECONDS), ("stop", _SHORT_SECONDS)]
)
def test_kafka_away_under_load(rig: Rig, manner: str, seconds: float) -> None:
    """With the broker away everything is accepted as ever, and handled once it is back."""
    scene = rig.stage()
    away = {"kill": rig.stack.kill, "stop": rig.stack.stop}[manner]
    with Load(scene, _STEADY) as load:
        load.wait_accepted(50)
        began = load.now
        away("kafka")
        load.go_on_for(seconds)
        ended = load.now
        rig.stack.start("kafka")
        load.wait_accepted(50, since=load.now)
    back = load.now
    waiting_count = rig.checker.unfinished_count(scene)

    rig.assert_kept(scene, load.journal, quiet_seconds=60)
    print(f"{waiting_count} were waiting; quiet {load.now - back:.1f} s later")
    genuine = _genuine(load.journal, began, ended)
    assert len(genuine) > 30 * seconds
    assert all(answer.status == 200 for answer in genuine)


def test_postgres_away_under_load(rig: Rig) -> None:
    """Without PostgreSQL every answer is a timely 503; with it all goes on, nothing restarted."""
    scene, pids = rig.stage(), rig.pids()
    # Each way of losing it once; what gateways do about it does not depend on the queue.
    away = rig.stack.stop if rig.stack.system.kafka is None else rig.stack.kill
    with Load(scene, _STEADY) as load:
        load.wait_accepted(50)
        away("postgres")
        began = load.now
        load.go_on_for(_SHORT_SECONDS)
        ended = load.now
        rig.stack.start("postgres")
        starvation = Starvation(rig.stack)
        recovery_seconds = load.wait_accepted(1, since=load.now) - starvation.seconds
        load.wait_accepted(100, since=load.now)

    rig.assert_kept(scene, load.journal)
    print(f"accepts {recovery_seconds:.2f} s after PostgreSQL does")
    _assert_refused(load.journal, began, ended)
    assert recovery_seconds < 2
    assert rig.pids() == pids


def test_postgres_hung_under_load(rig: Rig) -> None:
    """While PostgreSQL takes connections and answers nothing, every answer is a timely 503."""
    scene, pids = rig.stage(), rig.pids()
    with Load(scene, _STEADY) as load:
        load.wait_accepted(50)
        with frozen_postgres(rig.stack):
            began = load.now
            load.go_on_for(_SHORT_SECONDS)
            ended = load.now
        starvation = Starvation(rig.stack)
        recovery_seconds = load.wait_accepted(1, since=load.now) - starvation.seconds
        load.wait_accepted(100, since=load.now)

    rig.assert_kept(scene, load.journal)
    print(f"accepts {recovery_seconds:.2f} s after PostgreSQL goes on")
    _assert_refused(load.journal, began, ended)
    assert recovery_seconds < 2
    assert rig.pids() == pids


def test_gateway_started_without_postgres(rig: Rig) -> None:
    """A gateway that could not read its configuration yet refuses nobody: it answers 503."""
    scene = rig.stage()
    gateway = rig.stack.system.programs["gateway-1"]
    rig.stack.stop("postgres")
    gateway.kill()
    gateway.start()
    wait_until(lambda: accepts(scene.gateways[0].port), timeout_seconds=15)
    with Load(scene.through("gateway-1"), _STEADY) as load:
        load.wait_answers(20)
        began_again = load.now
        rig.stack.start("postgres")
        load.wait_accepted(50)

    rig.assert_kept(scene, load.journal)
    assert {answer.status for answer in _genuine(load.journal, 0, began_again)} == {503}


def _assert_refused(journal: Journal, began: float, ended: float) -> None:
    """Assert that what was sent during the outage was answered 503, and in time."""
    refused = _genuine(journal, began, ended)
    assert len(refused) > 30
    assert {answer.status for answer in refused} == {503}
    assert all(journal.answered_within(answer, ANSWER_WITHIN_SECONDS) for answer in refused)
    assert all((answer.retry_after or "").isdecimal() for answer in refused)


def _genuine(journal: Journal, began: float, ended: float) -> list[Answer]:
    """Return the answers to signed requests that were sent and answered in a stretch of time."""
    return journal.where(
        lambda answer: (
            answer.kind is not Kind.FORGED
            and began <= answer.at - answer.latency_seconds
            and answer.at < ended
        )
    )
