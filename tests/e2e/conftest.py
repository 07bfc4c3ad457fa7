"""One system per queue adapter, shared by the tests that leave it as they found it."""

from collections.abc import Iterator

import pytest

from tests.e2e.harness import Shape, Stack
from tests.servers import kafka_jars


@pytest.fixture(scope="session", params=["postgres", "kafka"])
def shared_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A whole system with one of the two queue adapters."""
    kafka = request.param == "kafka"
    if kafka:
        kafka_jars()
    with Stack(tmp_path_factory.mktemp(f"stack-{request.param}"), Shape(kafka=kafka)) as stack:
        yield stack
