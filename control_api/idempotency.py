"""POST with an Idempotency-Key: carried out once, and answered the same when it is repeated.

The caller is known only inside of the app, and the answer only outside: the dependency on the
caller claims the request, the wrapper around the app keeps its answer. Transactions of the claimed
request are marked, so that after a crash it is known whether its change was made.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import ClassVar

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control_api.authentication import Caller
from control_api.faults import summary
from shared.crypto.keyring import Keyring
from shared.crypto.sealing import seal, unseal
from shared.database.pool import Pool, tenant_transaction
from shared.domain.identifiers import uuid7
from shared.errors import Conflict, DatabaseUnavailable, Fault, InvalidInput
from shared.ledger.idempotent_requests import Claim, IdempotentRequests, KnownRequest
from shared.observability.logging import get_logger

_LOG = get_logger(__name__)

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "idempotency-replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class KeyReused(InvalidInput):
    """The key was used for another request."""

    code: ClassVar[str] = "idempotency_key_reused"


class RequestUnderWay(Conflict):
    """The first request with this key is still being carried out."""

    code: ClassVar[str] = "idempotency_key_in_use"
    retry_after_seconds: ClassVar[int] = 1


class AnswerLost(Conflict):
    """The first request with this key was carried out, but its answer was lost."""

    code: ClassVar[str] = "idempotent_answer_lost"


class AnswerKept(Exception):
    """The request was carried out before; ``response`` is what was answered."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__()


@dataclass(slots=True)
class _Exchange:
    """What the inside of the app tells the wrapper around it."""

    claim: Claim | None = None


@dataclass(slots=True)
class _HeldAnswer:
    """An answer that is not sent before it is kept."""

    start: Message = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    @property
    def status(self) -> int:
        return int(self.start.get("status", 500))

    async def pass_on(self, send: Send) -> None:
        await send(self.start)
        await send({"type": "http.response.body", "body": bytes(self.body)})


class IdempotentAnswers:
    """Wraps the app: keeps the answers of requests with an Idempotency-Key."""

    def __init__(self, app: ASGIApp, pool: Pool, keyring: Keyring) -> None:
        self._app = app
        self._pool = pool
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("method") != "POST" or HEADER not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return
        exchange, held = _Exchange(), _HeldAnswer()
        scope.setdefault("state", {})["idempotency"] = exchange
        try:
            await self._app(scope, receive, held.send)
        finally:
            if exchange.claim is not None:
                await self._settle(exchange.claim, held)
        await held.pass_on(send)

    async def _settle(self, claim: Claim, held: _HeldAnswer) -> None:
        try:
            async with tenant_transaction(self._pool, claim.tenant_id) as connection:
                requests = IdempotentRequests(connection)
                if 200 <= held.status < 300:
                    sealed = _sealed(self._keyring, claim, held)
                    await requests.complete(claim, sealed_answer=sealed)
                else:
                    await requests.release(claim, is_certain=held.status < 500)
        except DatabaseUnavailable:
            # The change is marked where it was made; the claim ends by itself.
            _LOG.warning("idempotent_answer_unkept", exc_info=True)


async def claimed(
    request: Request, caller: Caller, *, body: bytes, pool: Pool, keyring: Keyring
) -> Caller:
    """Return the caller with the claim of this request.

    Raises:
        AnswerKept: It was carried out before.
        InvalidInput: The key has another form, or was used for another request.
        Conflict: It is under way, or was carried out and its answer is lost.
    """
    claim = Claim(caller.tenant_id, _key_digest(request, caller), uuid7())
    digest = _digest(request.url.path, request.url.query, body)
    async with tenant_transaction(pool, caller.tenant_id) as connection:
        requests = IdempotentRequests(connection)
        known = None
        if not await requests.claim(claim, request_digest=digest):
            known = await requests.find(claim)
            if known is None:
                raise RequestUnderWay
    if known is not None:
        raise AnswerKept(_kept_answer(keyring, claim, known, digest))
    request.state.idempotency.claim = claim
    return replace(caller, claim=claim)


def _kept_answer(keyring: Keyring, claim: Claim, known: KnownRequest, digest: bytes) -> Response:
    if known.request_digest != digest:
        fault = Fault(HEADER, "unique", "This key was used for another request within 24 hours")
        raise KeyReused(summary([fault]), faults=[fault])
    if known.sealed_answer is None:
        if known.is_committed and known.has_stopped:
            raise AnswerLost(
                "this was carried out, but its answer is lost: look at what is there before you "
                "send it again with a new key"
            )
        raise RequestUnderWay
    context = (claim.tenant_id, known.request_id)
    kept = orjson.loads(unseal(keyring, known.sealed_answer, context=context))
    response = Response(base64.b64decode(kept["body"]), status_code=kept["status"])
    response.raw_headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in kept["headers"]
    ]
    response.headers[REPLAYED_HEADER] = "true"
    return response


def _sealed(keyring: Keyring, claim: Claim, held: _HeldAnswer) -> bytes:
    """Seal an answer: it may hold a secret that is shown this once."""
    answer = {
        "status": held.status,
        "headers": [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in held.start["headers"]
        ],
        "body": base64.b64encode(bytes(held.body)).decode(),
    }
    return seal(keyring, orjson.dumps(answer), context=(claim.tenant_id, claim.request_id))


def _key_digest(request: Request, caller: Caller) -> bytes:
    given = request.headers.getlist(HEADER)
    if len(given) != 1 or not _KEY.fullmatch(given[0]):
        fault = Fault(HEADER, "pattern", "Give one key of 1 to 255 visible ASCII characters")
        raise InvalidInput(summary([fault]), faults=[fault])
    route: str = request.scope["route"].path_format
    return _digest(caller.actor, route, given[0].encode())


def _digest(*parts: str | bytes) -> bytes:
    """Return one digest of parts, which cannot run into each other."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()
