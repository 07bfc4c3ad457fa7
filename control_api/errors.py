"""Every error answer: ``{"error": {"code", "message", "details"}}``; HTTP numbers stay here."""

from collections.abc import Sequence
from dataclasses import asdict

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from control_api.answers import answer
from control_api.faults import faults_of, summary
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
    (DecodeError, 400),
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (InvalidInput, 422),
    (ExpressionError, 422),
    (Transient, 503),
    (PosternError, 500),
)
_HEADERS = {401: {"www-authenticate": 'ApiKey realm="postern"'}, 503: {"retry-after": "2"}}
#: Codes of errors that the framework raises.
_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
}
#: What a client is told of faults on this side: their texts may speak of our inside.
_PUBLIC_MESSAGES = {
    500: "Something went wrong here; the request id finds it in the logs.",
    503: "The database does not answer at the moment; try again.",
}


def error_answer(
    status: int, *, code: str, message: str, faults: Sequence[Fault] = ()
) -> Response:
    """Return an error answer."""
    error = {
        "code": code,
        "message": _PUBLIC_MESSAGES.get(status, message),
        "details": [asdict(fault) for fault in faults],
    }
    return answer({"error": error}, status=status, headers=_HEADERS.get(status))


def install(app: FastAPI) -> None:
    """Let the app answer every error in our form."""
    app.add_exception_handler(PosternError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_parameters)
    app.add_exception_handler(HTTPException, _answer_framework)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)


async def _answer_own(_: Request, error: Exception) -> Response:
    assert isinstance(error, PosternError)  # noqa: S101 - registered for this class
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    if status >= 500:
        _LOG.warning("request_failed", code=error.code, exc_info=error)
    faults = error.faults if isinstance(error, InvalidInput) else ()
    return error_answer(status, code=error.code, message=str(error), faults=faults)


async def _answer_parameters(_: Request, error: Exception) -> Response:
    """Answer parameters of the wrong form: a path that holds no id leads nowhere."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    found = error.errors()
    if any(entry["loc"][0] == "path" for entry in found):
        return error_answer(404, code=NotFound.code, message="there is nothing at this path")
    faults = faults_of({**entry, "loc": entry["loc"][1:]} for entry in found)
    return error_answer(422, code=InvalidInput.code, message=summary(faults), faults=faults)


async def _answer_framework(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code = _CODES.get(error.status_code, "bad_request")
    response = error_answer(error.status_code, code=code, message=error.detail)
    response.headers.update(error.headers or {})
    return response


async def _answer_nobody(_: Request, __: Exception) -> Response:
    """Finish a request whose client went away before its body was whole."""
    return error_answer(400, code="client_disconnected", message="the body is not whole")
