"""Every error answer: problem details (RFC 9457); HTTP numbers stay here."""

from collections.abc import Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route

from control_api.answers import answer
from control_api.authentication import RateLimited
from control_api.contents.problems import MEDIA_TYPE
from control_api.faults import faults_of, summary
from control_api.idempotency import AnswerKept
from control_api.preconditions import ChangedMeanwhile
from shared.errors import (
    Conflict,
    DecodeError,
    ExpressionError,
    Fault,
    Forbidden,
    InvalidInput,
    NotFound,
    PosternError,
    Transient,
    Unauthorized,
)
from shared.observability.logging import get_logger

_LOG = get_logger(__name__)

#: The first that fits counts.
_STATUSES: tuple[tuple[type[PosternError], int], ...] = (
    (RateLimited, 429),
    (DecodeError, 400),
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (ChangedMeanwhile, 412),
    (Conflict, 409),
    (InvalidInput, 422),
    (ExpressionError, 422),
    (Transient, 503),
    (PosternError, 500),
)
_HEADERS = {503: {"retry-after": "2"}}
#: The code of each status that has no code of its own from the error behind it.
CODES = {
    400: "bad_request",
    401: Unauthorized.code,
    403: Forbidden.code,
    404: NotFound.code,
    405: "method_not_allowed",
    408: "request_timeout",
    409: Conflict.code,
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: InvalidInput.code,
    428: "precondition_required",
    429: "rate_limited",
    500: PosternError.code,
    503: Transient.code,
}
#: What a client is told of faults on this side: their texts may speak of our inside.
_PUBLIC_MESSAGES = {
    500: "Something went wrong here; the request id finds it in the logs.",
    503: "Something that this needs does not answer at the moment; try again.",
}


def error_answer(
    status: int, *, code: str, message: str, faults: Sequence[Fault] = ()
) -> Response:
    """Return an error answer."""
    return answer(
        problem(status, code=code, message=message, faults=faults),
        status=status,
        headers=_HEADERS.get(status),
        media_type=MEDIA_TYPE,
    )


def problem(
    status: int, *, code: str, message: str, faults: Sequence[Fault] = ()
) -> dict[str, Any]:
    """Return the content of an error answer."""
    return {
        "type": f"urn:postern:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _PUBLIC_MESSAGES.get(status, message),
        "code": code,
        "errors": [asdict(fault) for fault in faults],
    }


def install(app: FastAPI) -> None:
    """Let the app answer every error in our form."""
    app.add_exception_handler(PosternError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_parameters)
    app.add_exception_handler(HTTPException, _answer_framework)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(AnswerKept, _answer_again)


async def _answer_own(request: Request, error: Exception) -> Response:
    assert isinstance(error, PosternError)  # noqa: S101 - registered for this class
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    if status >= 500:
        _LOG.warning("request_failed", code=error.code, exc_info=error)
    faults = error.faults if isinstance(error, InvalidInput) else ()
    response = error_answer(status, code=error.code, message=str(error), faults=faults)
    if wait_seconds := getattr(error, "retry_after_seconds", None):
        response.headers["retry-after"] = str(wait_seconds)
    if status == 401:
        challenge = request.app.state.services.authenticator.challenge
        response.headers["www-authenticate"] = challenge
    return response


async def _answer_parameters(request: Request, error: Exception) -> Response:
    """Answer parameters of the wrong form: a path that holds no id leads nowhere.

    Where a path says a word in the place of an id, the method may just not be one of that word's.
    """
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    found = error.errors()
    if any(entry["loc"][0] == "path" for entry in found):
        if _fitting(request)[0].path != request.scope["route"].path:
            return _answer_method(request)
        return error_answer(404, code=NotFound.code, message="there is nothing at this path")
    faults = faults_of({**entry, "loc": entry["loc"][1:]} for entry in found)
    return error_answer(422, code=InvalidInput.code, message=summary(faults), faults=faults)


async def _answer_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code == 405:
        return _answer_method(request)
    code = CODES.get(error.status_code, CODES[400])
    response = error_answer(error.status_code, code=code, message=error.detail)
    response.headers.update(error.headers or {})
    return response


def _answer_method(request: Request) -> Response:
    """Answer OPTIONS, and a method that the path does not have, with all that it has."""
    fitting = _fitting(request)
    # Of the path that fits first; another that fits too is never reached at this one.
    methods = {
        name for route in fitting if route.path == fitting[0].path for name in route.methods or ()
    }
    allowed = sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
    headers = {"allow": ", ".join(allowed)}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    message = f"{request.method[:20]} is not for this path; it has {headers['allow']}"
    response = error_answer(405, code=CODES[405], message=message)
    response.headers.update(headers)
    return response


def _fitting(request: Request) -> list[Route]:
    """Return the routes that fit a path, whatever their methods, the first that counts first."""
    return [
        route
        for route in request.app.every_route
        if route.matches(request.scope)[0] is not Match.NONE
    ]


async def _answer_again(_: Request, kept: Exception) -> Response:
    """Answer a repeated request as it was answered first."""
    assert isinstance(kept, AnswerKept)  # noqa: S101 - registered for this class
    return kept.response


async def _answer_nobody(_: Request, __: Exception) -> Response:
    """Finish a request whose client went away before its body was whole."""
    return error_answer(400, code="client_disconnected", message="the body is not whole")
