"""Tests that share a running system are sent to one process, those of a file as well."""

import pytest

from tests.scheduling import scope_of


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/e2e/test_faults.py::test_a[kafka]", "e2e on kafka"),
        ("tests/e2e/test_faults_outages.py::test_b[kill-14.0-kafka]", "e2e on kafka"),
        ("tests/e2e/test_walk.py::test_c[postgres]", "e2e on postgres"),
        ("tests/e2e/test_supervisor.py::test_d[--gateway-port]", "tests/e2e/test_supervisor.py"),
        ("tests/unit/test_e2e.py::test_f[kafka]", "tests/unit/test_e2e.py"),
        ("tests/contract/test_kafka.py::TestKafka::test_e", "tests/contract/test_kafka.py"),
    ],
)
def test_scope_of_a_test(nodeid: str, scope: str) -> None:
    """The system that it runs on, else its file."""
    assert scope_of(nodeid) == scope
