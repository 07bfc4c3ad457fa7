"""Sends one signed request to a target and reads a bounded answer."""

import asyncio
import ssl
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import httpcore

from shared.clock import Clock
from shared.errors import DecodeError
from worker import metrics
from worker.forwarding.answers import Answer, outcome_of
from worker.forwarding.connecting import (
    BlockedAddressError,
    CheckedConnections,
    UnresolvedNameError,
)
from worker.forwarding.signing import signed_headers
from worker.forwarding.signing_keys import KeySource
from worker.forwarding.target import PortRange, Target
from worker.outcome import Done, Outcome, Reject, Retry

#: How much of an answer's body is read.
MAX_READ_BYTES = 64 * 1024

_USER_AGENT = "postern"
_LONGEST_EXPLANATION = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardPolicy:
    """What the operator allows."""

    ports: Sequence[PortRange]
    allows_plain_http: bool
    #: For a whole attempt, from resolving the name to the last byte of the answer.
    longest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRequest:
    """A request, as an action wants it sent."""

    tenant_id: UUID
    webhook_id: UUID
    #: The same over retries: the receiver's key for telling a repetition.
    message_id: str
    method: str
    target: Target
    headers: Sequence[tuple[str, str]]
    body: bytes
    #: None: as long as the policy allows.
    timeout_seconds: float | None = None


class Forwarder:
    """Sends requests. Each has a connection of its own, so that each is checked anew."""

    def __init__(
        self,
        policy: ForwardPolicy,
        *,
        connections: CheckedConnections,
        tls: ssl.SSLContext,
        keys: KeySource,
        clock: Clock,
    ) -> None:
        self._policy = policy
        self._keys = keys
        self._connections = connections
        self._tls = tls
        self._clock = clock

    async def send(self, request: OutboundRequest) -> Outcome:
        """Send a request once and return what its answer means; redirects are not followed."""
        started = self._clock.monotonic()
        outcome = self._refusal(request.target) or await self._attempt(request)
        metrics.FORWARDS.labels(_result_of(outcome)).inc()
        metrics.FORWARD_SECONDS.observe(self._clock.monotonic() - started)
        return outcome

    def _refusal(self, target: Target) -> Reject | None:
        if target.scheme == "http" and not self._policy.allows_plain_http:
            return Reject(
                "url must begin with https://: plain http is not allowed here", "blocked_scheme"
            )
        if not any(ports.first <= target.port <= ports.last for ports in self._policy.ports):
            return Reject(f"url has the port {target.port}, which is not allowed", "blocked_port")
        return None

    async def _attempt(self, request: OutboundRequest) -> Outcome:
        try:
            keys = await self._keys(request.tenant_id, request.webhook_id)
        except DecodeError as error:
            return Retry(f"the webhook's signing secret: {error}", "signing_secret_unreadable")
        if not keys:
            return Reject(
                "there is nothing to sign with: the webhook has no forward secret of its own, and "
                "this worker no POSTERN_WORKER_FORWARD_SIGNING_SECRET",
                "signing_secret_missing",
            )
        return await self._signed_attempt(request, keys)

    async def _signed_attempt(self, request: OutboundRequest, keys: Sequence[bytes]) -> Outcome:
        limit = self._policy.longest_seconds
        seconds = min(request.timeout_seconds or limit, limit)
        try:
            async with asyncio.timeout(seconds):
                answer = await self._exchange(request, keys)
        except BlockedAddressError as blocked:
            return Reject(
                f"the target has an address in a blocked network ({blocked.kind})",
                "blocked_address",
                {"target": request.target.origin, "network": blocked.kind},
            )
        except TimeoutError:
            return Retry(f"the target took longer than {seconds:g} s", "target_timeout")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            return Retry(f"no answer from the target: {_explained(error)}", "target_unreachable")
        return outcome_of(answer, self._clock.now())

    async def _exchange(self, request: OutboundRequest, keys: Sequence[bytes]) -> Answer:
        target = request.target
        async with httpcore.AsyncHTTPConnection(
            httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port),
            ssl_context=self._tls,
            network_backend=self._connections,
        ) as connection:
            response = await connection.handle_async_request(self._wire(request, keys))
            body, is_cut = await _read(response.aiter_stream())
        return Answer(status=response.status, headers=response.headers, body=body, is_cut=is_cut)

    def _wire(self, request: OutboundRequest, keys: Sequence[bytes]) -> httpcore.Request:
        target = request.target
        headers = [
            ("host", target.authority),
            *request.headers,
            ("user-agent", _USER_AGENT),
            ("accept-encoding", "identity"),
            ("connection", "close"),
            ("content-length", str(len(request.body))),
            *self._signature(request, keys),
        ]
        return httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=target.scheme, host=target.host, port=target.port, target=target.path
            ),
            headers=headers,
            content=request.body,
        )

    def _signature(self, request: OutboundRequest, keys: Sequence[bytes]) -> list[tuple[str, str]]:
        return signed_headers(
            keys,
            request.message_id,
            timestamp=int(self._clock.now().timestamp()),
            body=request.body,
        )


async def _read(chunks: AsyncIterable[bytes]) -> tuple[bytes, bool]:
    """Return the beginning of a body, and whether there was more."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_READ_BYTES:
            return bytes(body[:MAX_READ_BYTES]), True
    return bytes(body), False


def _explained(error: Exception) -> str:
    """Return what went wrong without any address: those of the inside are nobody's business."""
    match error, error.__cause__ or error.__context__:
        case UnresolvedNameError(), _:
            return "its name does not resolve"
        case _, ssl.SSLCertVerificationError() as cause:
            return f"its certificate is not valid: {cause.verify_message}"
        case _, ssl.SSLError() as cause:
            return f"TLS failed: {cause.reason}"
        case ((httpcore.ConnectError() | httpcore.ConnectTimeout()), _):
            return "it takes no connection"
        case httpcore.ProtocolError(), _:
            return str(error)[:_LONGEST_EXPLANATION]
        case _:
            return "it broke the connection off"


def _result_of(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return "delivered"
        case Retry():
            return "retried"
        case Reject(code="target_refused"):
            return "refused"
        case Reject():
            return "blocked"
