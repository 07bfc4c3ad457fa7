"""What routes depend on."""

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from control_api.api import ROUTERS


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    if dependant.call is not None:
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


@pytest.mark.parametrize(
    "route",
    [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)],
    ids=lambda route: f"{min(route.methods)} {route.path}",
)
def test_no_request_waits_for_a_thread(route: APIRoute) -> None:
    """FastAPI runs what is not asynchronous in a pool of threads, one hop for each."""
    calls = list(_calls(route.dependant))
    assert calls
    for call in calls:
        assert iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__), call
