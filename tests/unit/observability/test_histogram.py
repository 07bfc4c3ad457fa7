"""The lean histogram shows what the client library's own would."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from shared.observability.histogram import LocalHistogram

_BUCKETS = (0.001, 0.01, 0.1, 1.0)


def _samples(text: str) -> set[str]:
    return {line for line in text.splitlines() if line and "_created" not in line}


@given(st.lists(st.one_of(st.sampled_from(_BUCKETS), st.floats(0, 2)), max_size=30))
def test_scrape_is_that_of_the_library(values: Sequence[float]) -> None:
    """Same observations, same lines, bounds included."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    lean = LocalHistogram("answer_seconds", "Time.", buckets=_BUCKETS, registry=ours)
    known = Histogram("answer_seconds", "Time.", buckets=_BUCKETS, registry=theirs)
    for value in values:
        lean.observe(value)
        known.observe(value)
    assert _samples(generate_latest(ours).decode()) == _samples(generate_latest(theirs).decode())
