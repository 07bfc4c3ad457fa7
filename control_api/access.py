"""What routes ask FastAPI for: services, the caller with a permission, the body."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.exceptions import HTTPException

from control_api.authentication import Authenticator, Caller, Operator
from control_api.credentials import credentials_of
from control_api.documentation import answering
from control_api.expression_checks import ExpressionChecks, ExpressionsBusy
from control_api.idempotency import HEADER as IDEMPOTENCY_HEADER
from control_api.idempotency import claimed
from control_api.permissions import Permission
from control_api.streams import Streams
from control_api.webhook_view import webhook_view
from shared.crypto.keyring import Keyring
from shared.database.pool import (
    Connection,
    Pool,
    reading_transaction,
    tenant_transaction,
    transaction,
)
from shared.errors import DecodeError, Fault, Forbidden, InvalidInput
from shared.expressions.evaluator import Evaluator
from shared.expressions.sandbox import Sandbox
from shared.ledger.delivery_search import PLAN_ONCE

_MAX_DEPTH = 64
_RECEIVE_SECONDS = 10
#: For the document alone: headers are read by ``credentials_of``.
_API_KEY = Depends(APIKeyHeader(name="x-api-key", auto_error=False))
_BEARER = Depends(HTTPBearer(auto_error=False))


@dataclass(frozen=True, slots=True)
class Services:
    """What requests are served with."""

    tenant_pool: Pool
    operator_pool: Pool
    authenticator: Authenticator
    keyring: Keyring
    public_gateway_url: str
    max_body_bytes: int
    streams: Streams = field(default_factory=Streams)
    #: None: expressions are checked in this process, and none are evaluated.
    sandbox: Sandbox | None = None
    #: Time for the expressions of one request together.
    expression_timeout_seconds: float = 1.0
    #: Largest document to import.
    max_import_bytes: int = 16 * 1024 * 1024

    @property
    def expression_checks(self) -> ExpressionChecks:
        """What checks expressions before they are saved."""
        return ExpressionChecks(self.sandbox)

    @property
    def evaluator(self) -> Evaluator:
        """What evaluates expressions for previews.

        Raises:
            ExpressionsBusy: This program has no sandbox.
        """
        if self.sandbox is None:
            raise ExpressionsBusy
        return Evaluator(self.sandbox)

    #: Whose pages may call the API.
    cors_origins: Sequence[str] = ()

    def transaction(self, caller: Caller) -> AbstractAsyncContextManager[Connection]:
        """Begin a transaction that sees the caller's tenant alone."""
        mark = None if caller.claim is None else caller.claim.mark
        return tenant_transaction(self.tenant_pool, caller.tenant_id, first=mark)

    def operation(self) -> AbstractAsyncContextManager[Connection]:
        """Begin a transaction that sees every tenant, and nothing of what tenants have."""
        return transaction(self.operator_pool)

    def reading(self, caller: Caller) -> AbstractAsyncContextManager[Connection]:
        """Begin a transaction that sees the caller's tenant alone and can write nothing."""
        return reading_transaction(self.tenant_pool, caller.tenant_id)

    def search_transaction(self, caller: Caller) -> AbstractAsyncContextManager[Connection]:
        """Begin a transaction likewise, for searching deliveries."""
        return tenant_transaction(self.tenant_pool, caller.tenant_id, first=PLAN_ONCE)

    async def view(
        self, connection: Connection, caller: Caller, webhook_id: UUID
    ) -> dict[str, Any]:
        """Return one webhook as it is answered; see ``webhook_view``."""
        return await webhook_view(
            connection, caller.tenant_id, webhook_id, gateway_url=self.public_gateway_url
        )


class MalformedBody(DecodeError):
    """The body is not JSON."""

    code = "invalid_json"


# async, though it waits for nothing: FastAPI calls other functions in a thread of a pool.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Provided = Annotated[Services, Depends(_services)]


class Holder:
    """The dependency on a caller who holds permissions; the OpenAPI document shows which."""

    def __init__(self, *permissions: Permission) -> None:
        self.permissions = permissions

    async def __call__(
        self,
        services: Provided,
        request: Request,
        _key: Annotated[object, _API_KEY],
        _token: Annotated[object, _BEARER],
    ) -> Caller:
        """Return the caller."""
        found = await _authenticated(services, request)
        if isinstance(found, Operator):
            raise Forbidden("an operator's credential acts in no tenant; use an API key")
        found.demand(*self.permissions)
        if request.method != "POST" or IDEMPOTENCY_HEADER not in request.headers:
            return found
        return await claimed(
            request,
            found,
            # The route's own limit is held when it asks for the body.
            body=await _bounded_body(
                request, max(services.max_body_bytes, services.max_import_bytes)
            ),
            pool=services.tenant_pool,
            keyring=services.keyring,
        )


class OperatorsOnly:
    """The dependency on an operator, as the OpenAPI document shows it."""

    permissions = ("operator",)

    async def __call__(
        self, services: Provided, request: Request, _key: Annotated[object, _API_KEY]
    ) -> Operator:
        """Return the operator."""
        found = await _authenticated(services, request)
        if isinstance(found, Caller):
            raise Forbidden("this takes an operator's credential")
        return found


async def _authenticated(services: Services, request: Request) -> Caller | Operator:
    request_id = getattr(request.state, "request_id", None)
    credentials = credentials_of(request)
    return await services.authenticator.authenticate(credentials, request_id=request_id)


Creator = Annotated[Caller, Depends(Holder(Permission.CREATE))]
Reader = Annotated[Caller, Depends(Holder(Permission.READ))]
#: Imports create and change; see the route for what they delete.
Importer = Annotated[
    Caller, Depends(Holder(Permission.CREATE, Permission.READ, Permission.UPDATE))
]
Updater = Annotated[Caller, Depends(Holder(Permission.UPDATE))]
Deleter = Annotated[Caller, Depends(Holder(Permission.DELETE))]
Admin = Annotated[Caller, Depends(Holder(Permission.ADMIN))]
Replayer = Annotated[Caller, Depends(Holder(Permission.READ, Permission.REPLAY))]
Operating = Annotated[Operator, Depends(OperatorsOnly())]


async def _bounded_body(request: Request, limit: int) -> bytes:
    """Return the body, read no further than the limit, whatever length was announced.

    FastAPI's own limit answers in plain text, past every error handler.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise HTTPException(415, f"content-encoding: {encoding[:50]!r} is not read; send it plain")
    if (read := getattr(request.state, "body", None)) is not None:
        if len(read) > limit:
            raise HTTPException(413, f"the body is longer than {limit} bytes")
        return bytes(read)
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise HTTPException(413, f"the body is longer than {limit} bytes")
    try:
        async with asyncio.timeout(_RECEIVE_SECONDS):
            request.state.body = await _received(request, limit)
    except TimeoutError:
        raise HTTPException(408, f"the body took longer than {_RECEIVE_SECONDS} s") from None
    return bytes(request.state.body)


async def _received(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is longer than {limit} bytes")
    return bytes(body)


@answering(
    {
        400: "the body is not JSON",
        408: "the body took too long to arrive",
        413: "the body is too long",
        415: "the body is compressed",
        422: "a field breaks a rule; all faults are told at once",
    }
)
async def _json_body(request: Request, services: Provided) -> object:
    return _parsed(await _bounded_body(request, services.max_body_bytes))


@answering(
    {
        400: "the document is not JSON",
        408: "the document took too long to arrive",
        413: "the document is too long",
        415: "the document is compressed",
        422: "a webhook of the document breaks a rule; all faults are told at once",
    }
)
async def _large_json_body(request: Request, services: Provided) -> object:
    return _parsed(await _bounded_body(request, services.max_import_bytes))


def _parsed(raw: bytes) -> object:
    if not raw.strip():
        return {}
    try:
        parsed: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"the body is not JSON: {error}") from error
    if is_deeper(parsed, _MAX_DEPTH):
        fault = Fault("", "max_depth", f"the body nests deeper than {_MAX_DEPTH} levels")
        raise InvalidInput(fault.message, faults=[fault])
    return parsed


#: The parsed body. Declare it after the caller: bodies of strangers are not read.
JsonBody = Annotated[object, Depends(_json_body)]
#: The same of a document to import, which may be larger.
LargeJsonBody = Annotated[object, Depends(_large_json_body)]


def is_deeper(value: object, limit: int) -> bool:
    """Tell whether JSON nests deeper than ``limit`` levels, without recursion."""
    level = _containers([value])
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in _containers(node.values() if isinstance(node, dict) else node)
        ]
    return bool(level)


def _containers(values: Iterable[object]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]
