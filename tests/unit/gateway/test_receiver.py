"""The receiver by itself: the work of a refusal, and what it tells when something breaks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import structlog

from gateway.idempotency import KeyReader
from gateway.rate_limit import Bucket, RateLimiter
from gateway.receiver import Receiver
from gateway.recorder import Recorder
from gateway.refusals import Refusals
from gateway.secret_uses import SecretUses
from gateway.settings import GatewaySettings
from gateway.snapshot import MAX_AGE_SECONDS, Snapshot
from shared.crypto.keyring import Keyring
from shared.crypto.sealing import seal
from shared.domain.identifiers import uuid7
from shared.expressions.evaluator import Evaluator
from shared.ledger.rate_limits import Grant
from shared.settings import Secret
from shared.signatures.hmac_sha256 import sign
from tests.unit.gateway.ledger import PickyConnection, ScriptedLedger
from tests.unit.gateway.requests import SECRET
from tests.unit.gateway.webhooks import TENANT_ID, refreshed, webhook_row

_Headers = Sequence[tuple[bytes, bytes]]
_Lease = Callable[[Bucket, int, int], Awaitable[Grant]]
_AUTH = {
    "hmac": ("hmac_sha256", {"signature_header": "x-signature"}),
    "bearer": ("bearer", {}),
    "token": ("path_token", {"query_param": "token"}),
    "address": ("ip_allowlist", {"ip_cidrs": ["203.0.113.0/24"]}),
    "signature": ("signature", {"preset": "github"}),
    "awaiting": ("signature", {"preset": "stripe"}),
}


async def _plenty(bucket: Bucket, held: int, returned: int) -> Grant:
    return Grant(bucket.per_minute + held + returned, 0.0)


async def _snapshot(keyring: Keyring) -> Snapshot:
    snapshot = Snapshot(keyring)
    for slug, (auth_type, config) in _AUTH.items():
        webhook_id, secret_id = uuid7(), uuid7()
        sealed = seal(keyring, SECRET, context=(TENANT_ID, webhook_id, secret_id))
        secrets = [(secret_id, sealed, datetime.fromtimestamp(0, UTC), None)]
        row = webhook_row(
            webhook_id,
            slug,
            auth_type=auth_type,
            auth_config=orjson.dumps(config).decode(),
            secrets=[] if slug == "awaiting" else secrets,
        )
        await refreshed(snapshot, row)
    return snapshot


@asynccontextmanager
async def _receiving(
    snapshot: Snapshot, connection: PickyConnection, *, lease: _Lease = _plenty
) -> AsyncIterator[Receiver]:
    ledger = ScriptedLedger(connection)
    recorder = Recorder([ledger], lambda _: None, outbox_delay_seconds=0.0, max_batch_rows=8)
    refusals = Refusals(ledger, per_minute=0, burst=1000)
    settings = GatewaySettings(database_url=Secret("unused"), master_keys=Secret("unused"))
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(recorder.run()), group.create_task(refusals.run())]
        yield Receiver(
            settings=settings,
            snapshot=snapshot,
            limiter=RateLimiter(lease, group, lease_seconds=2.0),
            key_reader=KeyReader(Evaluator(None), timeout_seconds=0.05),  # type: ignore[arg-type]
            recorder=recorder,
            refusals=refusals,
            secret_uses=SecretUses(None, every_seconds=60),  # type: ignore[arg-type]
        )
        for loop in loops:
            loop.cancel()


async def _ask(
    receiver: Receiver, slug: str, headers: _Headers, body: bytes, *, tenant: str = "acme"
) -> tuple[int, bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    path = f"/api/inbound/{tenant}/{slug}"
    scope = {
        "type": "http",
        "method": "POST",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"hooks.example.com"), *headers],
        "client": ("192.0.2.1", 4711),
    }
    await receiver(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_refusal_when_reasons_differ_takes_the_same_work(keyring: Keyring) -> None:
    """Each costs one signature over the body: none is left out, none is to spare."""
    body = b'"' + b"x" * 4_000_000 + b'"'
    header = (b"x-signature", sign(b"wrong", b"").hex().encode())
    targets = [(slug, "acme") for slug in _AUTH] + [("unknown", "acme"), ("unknown", "nobody")]
    snapshot = await _snapshot(keyring)
    least = dict.fromkeys(targets, float("inf"))
    one_signature = float("inf")
    async with _receiving(snapshot, PickyConnection(lambda _: None)) as receiver:
        for _ in range(9):
            for slug, tenant in targets:
                started = time.process_time()
                status, _ = await _ask(receiver, slug, [header], body, tenant=tenant)
                least[slug, tenant] = min(least[slug, tenant], time.process_time() - started)
                assert status == 401
            started = time.process_time()
            sign(SECRET, body)
            one_signature = min(one_signature, time.process_time() - started)
    assert min(least.values()) > 0.7 * one_signature, (least, one_signature)
    assert max(least.values()) < 1.5 * one_signature, (least, one_signature)


@pytest.mark.parametrize(
    ("slug", "tenant"), [*((slug, "acme") for slug in _AUTH), ("unknown", "acme"), ("x", "nobody")]
)
async def test_refusal_when_configuration_is_old(keyring: Keyring, slug: str, tenant: str) -> None:
    """What is unknown here may be a new secret or a new webhook: 503 and not 401, for them all."""
    snapshot = await _snapshot(keyring)
    assert snapshot._compared_at is not None
    snapshot._compared_at -= MAX_AGE_SECONDS + 1
    header = (b"x-signature", sign(b"new secret", b"{}").hex().encode())
    async with _receiving(snapshot, PickyConnection(lambda _: None)) as receiver:
        status, body = await _ask(receiver, slug, [header], b"{}", tenant=tenant)
    assert (status, body) == (503, b'{"error":"unavailable"}')


async def test_request_when_something_breaks_inside(keyring: Keyring) -> None:
    """The answer is 503, and the log line quotes nothing of the request."""

    async def broken(*_: object) -> Grant:
        raise ValueError("c4n4ry")

    snapshot = await _snapshot(keyring)
    snapshot.find(b"/api/inbound/acme/hmac").verifier = _Broken()
    connection = PickyConnection(lambda _: None)
    with structlog.testing.capture_logs() as logs:
        async with _receiving(snapshot, connection, lease=broken) as receiver:
            headers = [(b"x-signature", b"c4n4ry")]
            status, body = await _ask(receiver, "hmac", headers, b"{}")
    assert (status, body) == (503, b'{"error":"unavailable"}')
    (line,) = [entry for entry in logs if entry["event"] == "request_failed"]
    assert "c4n4ry" not in repr({**line, "exc_info": None})


class _Broken:
    """A verifier with a fault."""

    credential_headers: frozenset[bytes] = frozenset()

    def verify(self, presented: object) -> Any:
        assert presented
        raise UnicodeEncodeError("utf-8", "c4n4ry\ud800", 6, 7, "surrogates not allowed")

    def masked_query(self, query: bytes) -> bytes:
        return query


@pytest.mark.parametrize("body", [b"{}", b""])
async def test_request_when_lease_fails(keyring: Keyring, body: bytes) -> None:
    """Without the ledger nothing passes the limit: 503, and the next request asks again."""
    asked = []

    async def failing(bucket: Bucket, held: int, returned: int) -> Grant:
        asked.append((bucket.per_minute, held, returned))
        raise RuntimeError("odd")

    async with _receiving(
        await _snapshot(keyring), PickyConnection(lambda _: None), lease=failing
    ) as receiver:
        headers = [(b"authorization", b"Bearer " + SECRET)]
        for _ in range(2):
            status, _ = await _ask(receiver, "bearer", headers, body)
            assert status == 503
    assert asked == [(60, 0, 0)] * 2
