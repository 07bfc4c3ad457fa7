"""The one endpoint: bound, find, authenticate, limit, parse, key, record, answer.

Plain ASGI under Starlette's router: on this path every object counts, see docs/benchmarks.md.
"""

import asyncio
import os
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from asyncpg.pgproto import pgproto
from starlette.types import Receive, Scope, Send

from gateway import metrics
from gateway.authentication import VERIFIED, Presented
from gateway.idempotency import NO_KEY, Key, KeyReader
from gateway.rate_limit import RateLimiter
from gateway.recorder import Recorder
from gateway.refusals import Refusals
from gateway.request import (
    Headers,
    SourceAddress,
    header_fault,
    json_has_too_many_keys,
    json_too_deep,
)
from gateway.secret_uses import SecretUses
from gateway.settings import GatewaySettings
from gateway.snapshot import Endpoint, Snapshot
from shared.domain.delivery import AuthStatus
from shared.domain.identifiers import random_parts, uuid7_bytes
from shared.domain.webhook import HeaderKey, ordering_key_of
from shared.errors import DatabaseUnavailable
from shared.expressions.plain import Expression
from shared.ledger.recording import AcceptedRow, RefusedRow
from shared.observability.logging import get_logger
from shared.signatures import hmac_sha256

_log = get_logger("gateway.receiver")

_METHODS = frozenset({"POST", "PUT", "PATCH"})
_VERSIONS = frozenset({"1.0", "1.1"})
_MAX_JSON_KEYS = 10_000
_MAX_DISCARDED_BYTES = 32 * 1024 * 1024
_DECOY_SECRET = os.urandom(32)
_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")


class Answer(NamedTuple):
    """A response, and under which name it is counted."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    result: str


def _error(status: int, code: str, *headers: tuple[bytes, bytes], **fields: str) -> Answer:
    return Answer(status, orjson.dumps({"error": code, **fields}), (_JSON, *headers), code)


#: Wrong path and wrong credentials look the same: no body and no header that could tell.
UNAUTHORIZED = Answer(401, b"", (), "unauthorized")
NOT_ALLOWED = _error(405, "method_not_allowed", (b"allow", b"POST, PUT, PATCH"))
BAD_VERSION = _error(400, "http_version", _CLOSE)
TOO_LARGE = _error(413, "body_too_large", _CLOSE)
HEADERS_TOO_LARGE = _error(431, "headers_too_large", _CLOSE)
UNAVAILABLE = _error(503, "unavailable", (b"retry-after", b"1"))
BUSY = _error(503, "busy", (b"retry-after", b"1"), _CLOSE)
GONE = Answer(499, b"", (), "disconnected")


@dataclass(slots=True)
class _Request:
    """A request as it came in, and what is found out about it."""

    method: str
    path: bytes
    query: bytes
    headers: Headers
    names: dict[bytes, bytes]
    source: str
    body: bytes
    received_ms: int
    delivery_id: UUID
    #: When it must have been answered, by the event loop's clock.
    deadline: float

    def stored_path(self, endpoint: Endpoint) -> str:
        query = endpoint.verifier.masked_query(self.query)
        return (b"%b?%b" % (self.path, query) if query else self.path).decode("latin-1")

    def stored_headers(self, endpoint: Endpoint) -> bytes:
        kept = compress(self.headers, endpoint.kept_headers(self.names, self.headers))
        return b"\r\n".join([*map(b": ".join, kept), b""])


class Receiver:
    """ASGI application behind ``/api/inbound/``."""

    def __init__(  # noqa: PLR0913 - each is a part of its own
        self,
        *,
        settings: GatewaySettings,
        snapshot: Snapshot,
        limiter: RateLimiter,
        key_reader: KeyReader,
        recorder: Recorder,
        refusals: Refusals,
        secret_uses: SecretUses,
    ) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._limiter = limiter
        self._key_reader = key_reader
        self._recorder = recorder
        self._refusals = refusals
        self._secret_uses = secret_uses
        self._source = SourceAddress(settings.trusted_proxies)
        self._loop = asyncio.get_running_loop()
        # A little is kept for the answer itself.
        self._answer_within = settings.deadline_seconds * 0.9
        self._random = random_parts(10)
        self._pending_bytes = 0
        metrics.PENDING_BYTES.set_function(lambda: self._pending_bytes)
        self._results: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing that goes wrong inside reaches the server."""
        started = time.perf_counter()
        try:
            answer = await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - the ASGI border
            # Its name alone: the text of some errors quotes what was sent.
            _log.exception("request_failed", error=type(error).__name__)
            answer = UNAVAILABLE
        self._count(answer, started)
        if answer is not GONE:
            await send(
                {
                    "type": "http.response.start",
                    "status": answer.status,
                    "headers": [
                        (b"content-length", b"%d" % len(answer.body)),
                        *answer.headers,
                    ],
                }
            )
            await send({"type": "http.response.body", "body": answer.body})

    def _count(self, answer: Answer, started: float) -> None:
        counter = self._results.get(answer.result)
        if counter is None:
            counter = self._results[answer.result] = metrics.REQUESTS.labels(answer.result)
        counter.inc()
        if answer.status == 200:
            metrics.ANSWER_SECONDS.observe(time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        # A copy: the server's own list grows by the trailers of a chunked body, which come after
        # everything that was checked.
        headers: Headers = tuple(scope["headers"])
        names = dict(headers)
        refusal = self._refusal(scope, headers, names)
        if refusal is not None:
            return refusal
        chunks: list[bytes] = []
        try:
            fault = await self._read_body(receive, chunks)
            if fault is not None:
                return fault
            return await self._process(self._request(scope, headers, names, b"".join(chunks)))
        finally:
            self._pending_bytes -= sum(map(len, chunks))

    def _refusal(self, scope: Scope, headers: Headers, names: dict[bytes, bytes]) -> Answer | None:
        """Return the answer to a request that is refused by its head alone."""
        if scope["method"] not in _METHODS:
            return NOT_ALLOWED
        if scope["http_version"] not in _VERSIONS:
            return BAD_VERSION
        settings = self._settings
        size = sum([len(name) + len(value) + 4 for name, value in headers])
        size += len(scope["raw_path"]) + len(scope["query_string"])
        if len(headers) > settings.max_header_count or size > settings.max_header_bytes:
            return HEADERS_TOO_LARGE
        fault = header_fault(names, headers)
        if fault is not None:
            return _error(fault[0], fault[1], _CLOSE)
        return None

    async def _read_body(self, receive: Receive, chunks: list[bytes]) -> Answer | None:
        """Read the body into ``chunks``; return the answer to one that cannot be taken."""
        size, more = 0, True
        largest = self._settings.max_body_bytes
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return GONE
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(chunk)
            if size <= largest:
                # Counted as they come, not as announced: an announcement costs a sender nothing.
                if self._pending_bytes + len(chunk) > self._settings.max_pending_bytes:
                    return BUSY
                self._pending_bytes += len(chunk)
                chunks.append(chunk)
            # A sender that is cut off in the middle of its body never reads the answer: what is
            # too large is read to its end, up to a bound, and thrown away.
            elif size > largest + _MAX_DISCARDED_BYTES:
                return TOO_LARGE
        return None if size <= largest else TOO_LARGE

    def _request(
        self, scope: Scope, headers: Headers, names: dict[bytes, bytes], body: bytes
    ) -> _Request:
        client = scope["client"]
        received_ms = time.time_ns() // 1_000_000
        return _Request(
            method=scope["method"],
            path=scope["raw_path"],
            query=scope["query_string"],
            headers=headers,
            names=names,
            source=self._source.of(client[0] if client else "unknown", headers),
            body=body,
            received_ms=received_ms,
            delivery_id=pgproto.UUID(uuid7_bytes(received_ms, next(self._random))),
            deadline=self._loop.time() + self._answer_within,
        )

    async def _process(self, request: _Request) -> Answer:
        if not self._snapshot.is_loaded:
            # A gateway that has just started would refuse good signatures for good.
            return UNAVAILABLE
        endpoint = self._snapshot.find(request.path)
        verdict = endpoint.verifier.verify(
            Presented(
                request.headers,
                request.names,
                request.query,
                request.body,
                request.source,
                request.received_ms / 1000,
                request.method,
            )
        )
        if verdict.status is not VERIFIED:
            return self._unauthorized(request, endpoint, verdict.status)
        if verdict.secret_id is not None:
            self._secret_uses.note(endpoint, verdict.secret_id, request.received_ms)
        if not self._limiter.take_at_once(endpoint.bucket):
            try:
                wait_seconds = await self._limiter.wait_of(
                    endpoint.bucket, deadline=request.deadline
                )
            except DatabaseUnavailable:
                return UNAVAILABLE
            if wait_seconds:
                return self._limited(request, endpoint, wait_seconds)
        return await self._accept(request, endpoint, verdict.secret_id)

    async def _accept(
        self, request: _Request, endpoint: Endpoint, secret_id: UUID | None
    ) -> Answer:
        try:
            document = orjson.loads(request.body) if request.body else None
        except orjson.JSONDecodeError as error:
            return await self._malformed(request, endpoint, "invalid_json", str(error))
        if json_too_deep(request.body, self._settings.max_json_depth):
            detail = f"deeper than {self._settings.max_json_depth} levels"
            return await self._malformed(request, endpoint, "json_too_deep", detail)
        if json_has_too_many_keys(request.body, _MAX_JSON_KEYS):
            detail = f"more than {_MAX_JSON_KEYS} members"
            return await self._malformed(request, endpoint, "json_too_large", detail)
        key = await self._key(endpoint.idempotency, request, document, owner=endpoint.tenant_id)
        if key.fault is not None:
            metrics.IDEMPOTENCY_FAULTS.inc()
        ordering_key = None
        if endpoint.ordering is not None:
            ordering_key = await self._ordering_key(endpoint, request, document)
        path = request.stored_path(endpoint)
        batch = self._recorder.submit(
            AcceptedRow(
                request.delivery_id,
                endpoint.origin(request.method, path, request.source, secret_id),
                request.received_ms,
                request.stored_headers(endpoint),
                request.body,
                key.value,
                key.fault,
                ordering_key,
            ),
            deadline=request.deadline,
        )
        await batch.done
        if not batch.is_recorded(request.delivery_id):
            return UNAVAILABLE
        first = batch.duplicate_of.get(request.delivery_id)
        if first is not None:
            body = b'{"delivery_id":"%b","duplicate":true}' % str(first).encode()
            return Answer(200, body, (_JSON,), "duplicate")
        body = b'{"delivery_id":"%b"}' % str(request.delivery_id).encode()
        return Answer(200, body, (_JSON,), "accepted")

    async def _ordering_key(
        self, endpoint: Endpoint, request: _Request, document: object
    ) -> str | None:
        if endpoint.ordering is None or endpoint.webhook_id is None:
            return None
        key = await self._key(
            endpoint.ordering.source, request, document, owner=endpoint.tenant_id
        )
        if key.fault is not None:
            metrics.ORDERING_FAULTS.inc()
        return ordering_key_of(endpoint.webhook_id, key.value)

    async def _key(
        self,
        source: HeaderKey | Expression | None,
        request: _Request,
        document: object,
        *,
        owner: Hashable,
    ) -> Key:
        if source is None:
            return NO_KEY
        key = self._key_reader.read_at_once(source, request.names, document)
        if key is None and isinstance(source, Expression):
            body = request.body or b"null"
            key = await self._key_reader.evaluate(source, document, body, owner=owner)
        return key or NO_KEY

    def _unauthorized(self, request: _Request, endpoint: Endpoint, status: AuthStatus) -> Answer:
        if status is not AuthStatus.REJECTED_SIGNATURE:
            # The work of a signature, so that time does not tell the auth type or the path.
            hmac_sha256.sign(_DECOY_SECRET, request.body)
        if self._snapshot.is_stale:
            # Its secret or its webhook may be new: a 401 would tell a good sender to give up.
            return UNAVAILABLE
        tenant_id = endpoint.tenant_id or self._snapshot.tenant_of(request.path)
        if tenant_id is not None:
            outcome = {"error": status.value}
            self._refusals.submit(
                self._refused(request, endpoint, 401, outcome, tenant_id=tenant_id, status=status)
            )
        return UNAUTHORIZED

    def _limited(self, request: _Request, endpoint: Endpoint, wait_seconds: int) -> Answer:
        outcome = {"error": "rate_limited", "limit_per_minute": endpoint.bucket.per_minute}
        recorded = self._refusals.submit(self._refused(request, endpoint, 429, outcome))
        fields = {"delivery_id": str(request.delivery_id)} if recorded else {}
        retry_after = (b"retry-after", b"%d" % wait_seconds)
        return _error(429, "rate_limited", retry_after, **fields)

    async def _malformed(
        self, request: _Request, endpoint: Endpoint, code: str, detail: str
    ) -> Answer:
        row = self._refused(request, endpoint, 400, {"error": code, "detail": detail})
        if not await self._refusals.record(row, deadline=request.deadline):
            return UNAVAILABLE
        return _error(400, code, delivery_id=str(request.delivery_id), detail=detail)

    def _refused(
        self,
        request: _Request,
        endpoint: Endpoint,
        response_status: int,
        outcome: Mapping[str, object],
        *,
        tenant_id: UUID | None = None,
        status: AuthStatus = AuthStatus.VERIFIED,
    ) -> RefusedRow:
        return RefusedRow(
            tenant_id=tenant_id or endpoint.tenant_id or UUID(int=0),
            delivery_id=request.delivery_id,
            webhook_id=endpoint.webhook_id,
            webhook_version=endpoint.version or None,
            received_ms=request.received_ms,
            method=request.method,
            # An unknown path's query may be anything, a token for another webhook among it.
            path=request.stored_path(endpoint)
            if endpoint.webhook_id
            else request.path.decode("latin-1"),
            headers=request.stored_headers(endpoint),
            body=request.body if status is AuthStatus.VERIFIED else None,
            source_address=request.source,
            auth_status=status.value,
            response_status=response_status,
            outcome=orjson.dumps(outcome).decode(),
        )
