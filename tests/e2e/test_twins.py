"""Two hundred copies of one event at the same moment are one event."""

import pytest

from tests.faults.rig import Rig
from tests.faults.traffic import Load, Mix

_EVENT_COUNT = 50
_TWIN_COUNT = 200


@pytest.mark.timeout(180)
def test_simultaneous_twins_have_one_effect(rig: Rig) -> None:
    """Each copy is answered 2xx with the id of the one delivery, which has one effect."""
    scene = rig.stage()
    mix = Mix(
        event_count=_EVENT_COUNT,
        per_second=8,
        twin_share=1.0,
        twin_count=_TWIN_COUNT,
        repeat_share=0.0,
        forged_share=0.0,
        tries=1,
    )
    with Load(scene, mix) as load:
        load.join()

    rig.assert_kept(scene, load.journal)
    assert len(load.journal.accepted()) == len(load.journal.answers) == _EVENT_COUNT * _TWIN_COUNT
    assert sum(not answer.duplicate for answer in load.journal.answers) == _EVENT_COUNT
    effects = rig.checker.read(scene).effects
    sent = {answer.event_id for answer in load.journal.answers}
    assert {event_id: effects.get(event_id) for event_id in sent} == dict.fromkeys(sent, 1)
