"""What every test of the gateway's parts needs."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep provoked errors from being drawn with their tracebacks, which takes long."""
    with structlog.testing.capture_logs():
        yield
