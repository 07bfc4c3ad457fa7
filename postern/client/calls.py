"""One call of the API: what is sent, and what an answer is read as."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import ValidationError
from pydantic_core import to_json

from postern.client.envelope import AnyEnvelope, OtherEnvelope
from postern.client.errors import UnexpectedAnswerError, api_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is sent."""

    method: str
    #: Such as ``/api/v1/clients/{client_id}``.
    template: str
    path: Mapping[str, object] = field(default_factory=dict)
    #: What is None is left out, of the query and of the headers.
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    #: None: no body.
    body: Any = None
    accept: str = "application/json"

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return the request that a client sends."""
        headers = {name: value for name, value in self.headers.items() if value is not None}
        headers["accept"] = f"{self.accept}, application/problem+json"
        content = None
        if self.body is not None:
            headers["content-type"] = "application/json"
            content = to_json(self.body)
        values = {name: quote(str(value), safe="") for name, value in self.path.items()}
        return client.build_request(
            self.method,
            self.template.format_map(values),
            params={name: _text(value) for name, value in self.query.items() if value is not None},
            headers=headers,
            content=content,
        )


def new_idempotency_key() -> str:
    """Return a key by which the API tells the repetition of a call from another one."""
    return str(uuid4())


def _text(value: object) -> str | list[str]:
    """Return a value as it stands in a query."""
    if isinstance(value, list | tuple):
        return [str(_text(item)) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    return to_json(value).decode().strip('"')


def checked(response: httpx.Response) -> httpx.Response:
    """Return an answer that tells of success; its body has been read.

    Raises:
        PosternClientError: It tells of a problem.
    """
    if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
        return response
    raise api_error(response.status_code, response.headers, response.content)


def parsed(response: httpx.Response, model: type[AnyEnvelope]) -> AnyEnvelope:
    """Return the content of an answer.

    Raises:
        UnexpectedAnswerError: It is not what the API answers.
    """
    try:
        found = model.model_validate_json(response.content)
    except ValidationError as error:
        raise UnexpectedAnswerError(f"no {model.__name__}: {error}") from error
    found._with_head(  # noqa: SLF001 - a part of reading an envelope
        etag=response.headers.get("etag"), request_id=response.headers.get("x-request-id", "")
    )
    return found


def parsed_either(
    response: httpx.Response,
    one: tuple[int, type[AnyEnvelope]],
    other: tuple[int, type[OtherEnvelope]],
) -> AnyEnvelope | OtherEnvelope:
    """Return the content of an answer, whose status tells which of two it is.

    Raises:
        UnexpectedAnswerError: It is not what the API answers.
    """
    if response.status_code == one[0]:
        return parsed(response, one[1])
    if response.status_code == other[0]:
        return parsed(response, other[1])
    raise UnexpectedAnswerError(f"{response.status_code} is neither {one[0]} nor {other[0]}")
