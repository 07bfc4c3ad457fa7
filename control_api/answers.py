"""How answers are written: JSON by orjson, and never kept by a cache."""

from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import orjson
from starlette.responses import Response, StreamingResponse

from shared.settings import Secret

#: Answers hold configuration and, once, a secret.
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_LINE = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def answer(
    content: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """Return a JSON response; UUIDs and times are written as text, times in UTC with ``Z``."""
    return Response(
        encoded(content),
        status_code=status,
        media_type=media_type,
        headers={**_HEADERS, **(headers or {})},
    )


def encoded(content: object) -> bytes:
    """Return the JSON of an answer; see ``answer``."""
    return orjson.dumps(content, default=_as_text, option=orjson.OPT_UTC_Z)


def data(content: object, *, status: int = 200) -> Response:
    """Return ``{"data": content}``."""
    return answer({"data": content}, status=status)


def data_with_secret(content: object, secret: Secret | None, *, status: int = 200) -> Response:
    """Return ``{"data": content, "secret": ...}``, the secret in clear: the one time it is."""
    return answer({"data": content, **shown(secret)}, status=status)


def shown(secret: Secret | None) -> dict[str, str | None]:
    """Return the member ``secret`` of an answer, in clear: the one time it is."""
    return {"secret": None if secret is None else secret.reveal()}


def ndjson(contents: AsyncIterator[object], *, filename: str) -> Response:
    """Return a line of JSON for each content, sent as they come.

    An error after the first line breaks the answer off: the client sees that it is not whole.
    """

    async def lines() -> AsyncIterator[bytes]:
        async for content in contents:
            yield json_line(content)

    return StreamingResponse(
        lines(),
        media_type="application/x-ndjson",
        headers={**_HEADERS, "content-disposition": f'attachment; filename="{filename}"'},
    )


def document(content: bytes, *, filename: str) -> Response:
    """Return JSON as it is, to be kept as a file."""
    disposition = {"content-disposition": f'attachment; filename="{filename}"'}
    return Response(content, media_type="application/json", headers={**_HEADERS, **disposition})


def json_line(content: object) -> bytes:
    """Return content as a line of JSON, as in answers."""
    return orjson.dumps(content, default=_as_text, option=_LINE)


def no_content() -> Response:
    """Return an empty 204."""
    return Response(status_code=204, headers=_HEADERS)


def not_modified(tag: str) -> Response:
    """Return an empty 304: the caller has the answer with this tag."""
    return Response(status_code=304, headers={**_HEADERS, "etag": tag})


def _as_text(value: object) -> str:
    """Return the text of the driver's UUIDs: orjson knows the standard class alone."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError
