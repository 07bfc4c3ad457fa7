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
    assert met == [0.25, 0.5, 1, 1, 1, 1]


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
