"""What a route says about itself for the OpenAPI document, beside its code.

A route returns its answer as bytes and takes its body as parsed JSON; neither passes through a
model. ``@documented`` names the models that they have all the same. What follows from a route's
dependencies (parameters, permissions, the problems of reading a body) is not said again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel

Function = TypeVar("Function", bound=Callable[..., Any])

JSON = "application/json"
#: Bytes of somebody else, under the type that they gave them.
ANY_MEDIA_TYPE = "*/*"


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is not one JSON document, such as lines or exact bytes."""

    media_type: str
    description: str
    #: A type where each line or event is a JSON of it.
    item: Any = None
    example: str = ""


def ndjson_of(item: Any) -> Media:
    """Return the answer of a line of JSON for each item."""
    return Media("application/x-ndjson", "A line of JSON for each.", item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation:
    """What one route says about itself."""

    #: The type of the answer: ``Data[X]``, ``Page[X]``, a ``Media``, or None for no content.
    answer: Any
    #: The model of the request body; the body may be left out where no field is required.
    body: type[BaseModel] | None = None
    #: Why the route answers statuses which do not follow from its dependencies.
    faults: Mapping[int, str] = field(default_factory=dict)
    #: Other successful answers than the first, by status.
    others: Mapping[int, Any] = field(default_factory=dict)
    #: What headers of the successful answer say.
    headers: Mapping[str, str] = field(default_factory=dict)


_ROUTES: dict[Callable[..., Any], Documentation] = {}
_DEPENDENCIES: dict[Callable[..., Any], Mapping[int, str]] = {}


def documented(
    *,
    answer: Any,
    body: type[BaseModel] | None = None,
    faults: Mapping[int, str] | None = None,
    others: Mapping[int, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Callable[[Function], Function]:
    """Document a route; stands below the router's decorator. See ``Documentation``."""
    documentation = Documentation(
        answer=answer,
        body=body,
        faults=_checked(faults or {}),
        others=others or {},
        headers=headers or {},
    )

    def register(function: Function) -> Function:
        _ROUTES[function] = documentation
        return function

    return register


def answering(faults: Mapping[int, str]) -> Callable[[Function], Function]:
    """Say with which problems a dependency ends a request, in every route that depends on it."""

    def register(function: Function) -> Function:
        _DEPENDENCIES[function] = _checked(faults)
        return function

    return register


def documentation_of(endpoint: Callable[..., Any]) -> Documentation | None:
    """Return what a route says about itself."""
    return _ROUTES.get(endpoint)


def faults_of(dependencies: Sequence[Callable[..., Any]]) -> dict[int, str]:
    """Return the problems that dependencies answer with, by status."""
    return {
        status: reason
        for dependency in dependencies
        for status, reason in _DEPENDENCIES.get(dependency, {}).items()
    }


def _checked(faults: Mapping[int, str]) -> Mapping[int, str]:
    for status in faults:
        if HTTPStatus(status) < 400:
            raise ValueError(f"{status} is no problem")
    return faults
