"""What goes wrong with a call: problems that the API tells, and answers that never came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson


class PosternClientError(Exception):
    """The root of what this client raises."""


class NoAnswerError(PosternClientError):
    """The API could not be reached, or its answer did not arrive; the cause is chained.

    Whether the call took effect is unknown, unless it only reads.
    """


class UnexpectedAnswerError(PosternClientError):
    """The answer is none that this API gives: something else stands at the address."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One thing that is wrong with a request."""

    #: Path of the field, its parts joined by dots; empty for the whole body.
    field: str
    #: Stable name of the broken rule.
    rule: str
    message: str
    #: What was given, where that can be shown.
    value: Any = None


class ApiError(PosternClientError):
    """The API answered with a problem (RFC 9457)."""

    def __init__(
        self, status: int, problem: Mapping[str, Any], headers: Mapping[str, str]
    ) -> None:
        self.status = status
        #: Stable name of the kind of problem.
        self.code = str(problem.get("code", "unknown"))
        self.detail = str(problem.get("detail", ""))
        self.faults: Sequence[FieldFault] = [
            FieldFault(
                str(fault.get("field", "")),
                str(fault.get("rule", "")),
                str(fault.get("message", "")),
                fault.get("value"),
            )
            for fault in problem.get("errors", ())
        ]
        #: Finds the request in the API's logs.
        self.request_id = headers.get("x-request-id", "")
        #: Seconds after which the API asks to be called again; None: it does not say.
        self.retry_after_seconds = retry_after_seconds(headers)
        super().__init__(f"{status} {self.code}: {self.detail} (request {self.request_id})")


class BadRequest(ApiError):
    """400: the body is not JSON, or the request is malformed."""


class Unauthorized(ApiError):
    """401: no credentials, or none that count now."""


class Forbidden(ApiError):
    """403: a permission is missing."""


class NotFound(ApiError):
    """404: there is nothing with this id."""


class Conflict(ApiError):
    """409: something that is there already stands against it."""


class PreconditionFailed(ApiError):
    """412: it has changed since its ETag was read."""


class TooLarge(ApiError):
    """413: the body is too long."""


class InvalidInput(ApiError):
    """422: ``faults`` names every field that is wrong."""


class RateLimited(ApiError):
    """429: too many calls; see ``retry_after_seconds``."""


class ServerFault(ApiError):
    """5xx: a fault on the other side."""


class Unavailable(ServerFault):
    """503: it passes; whether the call took effect is unknown, unless it only reads."""


_CLASSES: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    422: InvalidInput,
    429: RateLimited,
    503: Unavailable,
}


def api_error(status: int, headers: Mapping[str, str], body: bytes) -> PosternClientError:
    """Return the error that an answer of 4xx or 5xx stands for."""
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = None
    if not isinstance(problem, dict):
        return _without_problem(status, headers)
    return _class(status)(status, problem, headers)


def _without_problem(status: int, headers: Mapping[str, str]) -> PosternClientError:
    """Return the error for an answer of something in between, such as a proxy."""
    if status in {429, 502, 503, 504}:
        return _class(status)(status, {"detail": "an answer without a problem"}, headers)
    return UnexpectedAnswerError(f"{status} without problem details: is this the control API?")


def _class(status: int) -> type[ApiError]:
    return _CLASSES.get(status, ServerFault if status >= 500 else ApiError)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return what Retry-After says in seconds; the API never gives a date."""
    text = headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
