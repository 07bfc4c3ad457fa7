"""HEAD, OPTIONS and CORS, which no route answers itself."""

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_ALLOWED_HEADERS = (
    "authorization, content-type, idempotency-key, if-match, if-none-match, x-api-key, "
    "x-request-id"
)
_EXPOSED_HEADERS = (
    "etag, idempotency-replayed, location, retry-after, www-authenticate, x-request-id"
)
_PREFLIGHT_SECONDS = 600


class HeadAnswers:
    """Wraps the app: HEAD is answered like GET, without the body (RFC 9110 section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("method") != "HEAD":
            await self._app(scope, receive, send)
            return
        exchange = _HeadExchange(receive, send)
        # A copy: the server reads of its own that there is no body to wait for.
        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, exchange.receive, exchange.send)
        except Exception:
            # A stream that was told that nobody reads it ends in its own way.
            if not exchange.is_answered:
                raise
        finally:
            scope["route"] = inner.get("route")


class _HeadExchange:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.is_answered = False

    async def receive(self) -> Message:
        if self.is_answered:
            return {"type": "http.disconnect"}
        return await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b""})
            self.is_answered = True
        elif message.get("more_body"):
            raise OSError("nobody reads the body of an answer to HEAD")


class Cors:
    """Wraps the app: lets pages of some origins call it. Off where there are none.

    Credentials of the browser's own (cookies) are never allowed: keys and tokens are headers that
    a page sets itself.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._origins:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        is_allowed = origin in self._origins
        if is_allowed and scope["method"] == "OPTIONS" and _REQUEST_METHOD in headers:
            await _preflight(origin)(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered.add_vary_header("origin")
                if is_allowed:
                    answered["access-control-allow-origin"] = origin
                    answered["access-control-expose-headers"] = _EXPOSED_HEADERS
            await send(message)

        await self._app(scope, receive, send_marked)


_REQUEST_METHOD = "access-control-request-method"


def _preflight(origin: str) -> Response:
    return Response(
        status_code=204,
        headers={
            "access-control-allow-origin": origin,
            "access-control-allow-methods": _ALLOWED_METHODS,
            "access-control-allow-headers": _ALLOWED_HEADERS,
            "access-control-max-age": str(_PREFLIGHT_SECONDS),
            "vary": "origin",
        },
    )
