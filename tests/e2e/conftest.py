"""One system per queue adapter, shared by tests; and another, for those that break things."""

from collections.abc import Iterator

import pytest

from deploy.local import demo_workflow
from tests.e2e.harness import Shape, Stack
from tests.faults.rig import Rig
from tests.servers import jars_of


@pytest.fixture(scope="session", params=["postgres", "kafka"])
def shared_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A whole system with one of the two queue adapters."""
    kafka = request.param == "kafka"
    if kafka:
        jars_of("kafka")
    shape = Shape(kafka=kafka, workflows=[demo_workflow.__name__])
    with Stack(tmp_path_factory.mktemp(f"stack-{request.param}"), shape) as stack:
        yield stack


@pytest.fixture(scope="session", params=["postgres", "kafka"])
def fault_system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    """A system to break, with one of the two queue adapters."""
    kafka = request.param == "kafka"
    if kafka:
        jars_of("kafka")
    directory = tmp_path_factory.mktemp(f"faults-{request.param}")
    with Stack(directory, Rig.shape(kafka=kafka)) as stack:
        yield Rig(stack)


@pytest.fixture
def rig(fault_system: Rig) -> Iterator[Rig]:
    """The system to break; mended after the test."""
    yield fault_system
    fault_system.restore()
