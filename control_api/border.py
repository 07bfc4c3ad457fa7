"""The ASGI border: request ids, one log line and metrics per request, no exception gets out."""

import re
from http import HTTPMethod
from time import perf_counter

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control_api.errors import error_answer
from control_api.metrics import LATENCY, REQUESTS
from shared.domain.identifiers import uuid7
from shared.errors import PosternError
from shared.observability.logging import get_logger

_LOG = get_logger(__name__)
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset(HTTPMethod)


class Border:
    """Wraps the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await self._app(scope, receive, exchange.send)
            except Exception:  # noqa: BLE001 - the border: it is logged and answered
                _LOG.exception("request_crashed")
                await exchange.answer_crash(receive)
            finally:
                exchange.report()


class _Exchange:
    """One request and its answer, watched."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._started = perf_counter()
        self._status: int | None = None
        given = Headers(scope=scope).get("x-request-id", "")
        #: The client's own id where its form is harmless, so that both sides' logs can be joined.
        self.request_id = given if _ACCEPTED_ID.fullmatch(given) else str(uuid7())

    async def send(self, message: Message) -> None:
        """Pass a message on, with the request id in the head of the answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            MutableHeaders(scope=message)["x-request-id"] = self.request_id
        await self._send(message)

    async def answer_crash(self, receive: Receive) -> None:
        """Answer 500, unless an answer has begun."""
        if self._status is None:
            response = error_answer(500, code=PosternError.code, message="")
            await response(self._scope, receive, self.send)

    def report(self) -> None:
        """Count and log the request."""
        method = self._scope["method"]
        method = method if method in _METHODS else "OTHER"
        route = getattr(self._scope.get("route"), "path", "unmatched")
        seconds = perf_counter() - self._started
        REQUESTS.labels(route, method, str(self._status)).inc()
        LATENCY.labels(route, method).observe(seconds)
        _LOG.info(
            "request_answered",
            route=route,
            method=method,
            status=self._status,
            duration_ms=round(seconds * 1000, 2),
        )
