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
        orjson.dumps(content, default=_as_text, option=orjson.OPT_UTC_Z),
        status_code=status,
        media_type=media_type,
        headers={**_HEADERS, **(headers or {})},
    )


def data(content: object, *, status: int = 200) -> Response:
    """Return ``{"data": content}``."""
    return answer({"data": content}, status=status)


def data_with_secret(content: object, secret: Secret | None, *, status: int = 200) -> Response:
    """Return ``{"data": content, "secret": ...}``, the secret in clear: the one time it is."""
    shown = None if secret is None else secret.reveal()
    return answer({"data": content, "secret": shown}, status=status)


def ndjson(contents: AsyncIterator[object], *, filename: str) -> Response:
    """Return a line of JSON for each content, sent as they come.

    An error after the first line breaks the answer off: the client sees that it is not whole.
    """

    async def lines() -> AsyncIterator[bytes]:
        async for content in contents:
            yield orjson.dumps(content, default=_as_text, option=_LINE)

    return StreamingResponse(
        lines(),
        media_type="application/x-ndjson",
        headers={**_HEADERS, "content-disposition": f'attachment; filename="{filename}"'},
    )


def no_content() -> Response:
    """Return an empty 204."""
    return Response(status_code=204, headers=_HEADERS)


def _as_text(value: object) -> str:
    """Return the text of the driver's UUIDs: orjson knows the standard class alone."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError
