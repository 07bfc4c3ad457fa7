"""Holds every answer that tests see against the OpenAPI document of the control API."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control_api.api import ControlApi

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
#: What is answered where no route fits.
_UNROUTED = {404, 405, 500}
#: The document does not describe itself.
_DOCUMENT_PATH = "/api/v1/openapi.json"

Answer = Mapping[str, Any]


@cache
def openapi_document() -> dict[str, Any]:
    """Return the document as it is served."""
    return ControlApi().openapi()


class DocumentedAnswers:
    """Wraps the app: an answer that the document does not describe is an AssertionError."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and check its answer."""
        start: Message = {}
        body = bytearray()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, watch)
        if scope["path"] == _DOCUMENT_PATH:
            return
        route = getattr(scope.get("route"), "path_format", None)
        check_answer(
            (scope["method"], route), start["status"], Headers(raw=start["headers"]), bytes(body)
        )


def check_answer(
    operation: tuple[str, str | None], status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Check an answer of an operation (method and path template).

    Raises:
        AssertionError: The document says something else.
    """
    described = _described(operation, status)
    for name in described.get("headers", {}):
        assert name in headers or name == "etag", f"{operation} {status}: no header {name}"
    content = described.get("content")
    if content is None:
        assert not body, f"{operation} {status}: a body that is not documented"
        return
    media_type = headers["content-type"].partition(";")[0]
    if "*/*" in content:
        return  # bytes of somebody else, under the type that they gave them
    media = content.get(media_type)
    assert media is not None, f"{operation} {status}: {media_type} is not documented"
    for item, schema in _items(media, media_type, body):
        faults = [
            f"/{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in _validator(_reference(schema)).iter_errors(item)
        ]
        assert not faults, f"{operation} {status}: {faults}"


def _described(operation: tuple[str, str | None], status: int) -> Answer:
    method, path = operation
    operations = openapi_document()["paths"].get(path)
    if operations is None or method.lower() not in operations:
        assert status in _UNROUTED, f"{operation} answers {status} and is not documented"
        return {"content": _PROBLEM}
    described: Answer | None = operations[method.lower()]["responses"].get(str(status))
    assert described is not None, f"{operation}: status {status} is not documented"
    return described


def _items(media: Answer, media_type: str, body: bytes) -> Iterable[tuple[Any, Answer]]:
    """Return what is JSON in an answer, with the schema of each."""
    if "x-item-schema" not in media["schema"] and media_type.endswith("json"):
        return [(orjson.loads(body), media["schema"])]
    item = media["schema"].get("x-item-schema")
    if item is None:
        return []
    prefix = b"data: " if media_type == "text/event-stream" else b""
    lines = [line for line in body.splitlines() if line.startswith(prefix) and line]
    return [(orjson.loads(line.removeprefix(prefix)), item) for line in lines]


def _reference(schema: Answer) -> str:
    return orjson.dumps(schema).decode()


@cache
def _validator(schema: str) -> Any:
    components = openapi_document()["components"]
    return jsonschema_rs.Draft202012Validator(
        {**orjson.loads(schema), "components": components}, validate_formats=True
    )
