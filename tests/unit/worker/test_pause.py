"""Keeping off a dependency that does not answer."""

from worker.pause import Pause


class _Time:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_pauses_double_up_to_the_longest() -> None:
    """Each pause that did not help is followed by one twice as long, up to the longest."""
    time = _Time()
    pause = Pause(time)
    met = []
    for _ in range(6):
        met.append(pause.begin("away"))
        time.seconds += pause.remaining_seconds()
    assert met == [0.25, 0.5, 0.5, 0.5, 0.5, 0.5]


def test_faults_within_a_pause_do_not_lengthen_it() -> None:
    """Thirty deliveries that meet one outage count as one fault."""
    pause = Pause(_Time())
    assert [pause.begin("away") for _ in range(30)] == [0.25] * 30


def test_good_answer_ends_the_pause() -> None:
    """The next outage begins with a short pause again."""
    time = _Time()
    pause = Pause(time)
    pause.begin("away")
    time.seconds += 1
    assert (pause.begin("away"), pause.fault) == (0.5, "away")
    pause.end()
    assert (pause.remaining_seconds(), pause.fault) == (0.0, None)
    assert pause.begin("away again") == 0.25


def test_after_an_outage_twice_as_many_may_come_at_each_step() -> None:
    """All may before; one alone during an outage; then ever more, and all of them soon."""
    time = _Time()
    pause = Pause(time)
    assert pause.allowed(32) == 32
    pause.begin("away")
    assert pause.allowed(32) == 1
    pause.end()
    allowed = []
    for _ in range(6):
        allowed.append(pause.allowed(32))
        time.seconds += Pause.STEP_SECONDS * 1.01
        pause.end()
    assert allowed == [2, 4, 8, 16, 32, 32]


def test_an_outage_on_the_way_back_begins_anew() -> None:
    """Whoever fails again is alone again."""
    time = _Time()
    pause = Pause(time)
    pause.begin("away")
    pause.end()
    time.seconds += Pause.STEP_SECONDS * 2.5
    assert pause.allowed(32) == 8
    pause.begin("away again")
    assert pause.allowed(32) == 1
    pause.end()
    assert pause.allowed(32) == 2
