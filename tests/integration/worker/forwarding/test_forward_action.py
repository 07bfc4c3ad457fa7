"""The action forward through the real processor, on a real ledger and real targets."""

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from shared.database.pool import Pool, tenant_transaction
from shared.domain.delivery import QueuedDelivery
from shared.expressions.sandbox import Sandbox
from shared.ledger.circuit_breakers import BreakerPolicy, BreakerState, CircuitBreakers
from tests.integration.worker.forwarding.target_server import (
    ReceivedRequest,
    TargetServer,
    answer,
    hang,
    target_server,
)
from tests.integration.worker.world import (
    SIGNING_ROOT,
    Ledger,
    build_forwarder,
    build_processor,
    next_attempt,
    until,
)
from worker.actions import forward
from worker.actions.registry import Registry
from worker.forwarding.client import Forwarder
from worker.forwarding.signing import webhook_key
from worker.processor import Processor

_BREAKER = BreakerPolicy(failures=2, hold_seconds=60.0)
_URL = {"url": "url"}


@pytest.fixture
async def ledger(database_url: str) -> Any:
    """A ledger with a webhook that forwards to the address in the body."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        opened = Ledger(pool)
        await opened.insert_tenant()
        await opened.insert_webhook(field_mapping=_URL, action="forward")
        yield opened


@pytest.fixture
def registry() -> Registry:
    """The action forward alone."""
    actions = Registry()
    actions.add_module(forward)
    return actions


@pytest.fixture
def processor(tenant_pool: Pool, sandbox: Sandbox, registry: Registry) -> Processor:
    """A worker that may reach this machine, whose breakers open at the second failure."""
    return build_processor(tenant_pool, sandbox, registry, breaker=_BREAKER)


async def handled(
    ledger: Ledger, processor: Processor, target: TargetServer, **more: object
) -> QueuedDelivery:
    queued = await ledger.record({"url": target.url, **more})
    await processor.process(queued)
    return queued


def is_signed(request: ReceivedRequest, ledger: Ledger) -> bool:
    """Verify as a receiver does that knows its webhook's key, by hand."""
    key = webhook_key(SIGNING_ROOT, ledger.tenant_id, ledger.webhook_id)
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    digest = hmac.new(key, signed + request.body, hashlib.sha256).digest()
    return request.headers["webhook-signature"] == "v1," + b64encode(digest).decode()


async def test_delivery_reaches_its_target_as_it_came(
    ledger: Ledger, processor: Processor
) -> None:
    """Bytes and content type are those received; the id is the delivery's; the answer is kept."""
    async with target_server(answer(201, b'{"ok":true}', Content_Type="text/x")) as target:
        body = b'{ "url": "%s" }' % target.url.encode()
        queued = await ledger.record(body)
        await processor.process(queued)
    (request,) = target.requests
    assert request.line == "POST /hook?from=postern HTTP/1.1"
    assert request.body == body
    assert request.headers["host"] == f"127.0.0.1:{target.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["webhook-id"] == str(queued.delivery_id)
    assert is_signed(request, ledger)
    assert (await ledger.delivery(queued))["dispatch_status"] == "dispatched"
    outcome = await ledger.outcome(queued)
    assert outcome["action"] == "forward"
    assert outcome["metadata"] == {
        "target": f"http://127.0.0.1:{target.port}",
        "status": 201,
        "content_type": "text/x",
        "response": '{"ok":true}',
        "response_is_cut": False,
    }


async def test_a_retry_carries_the_same_id(ledger: Ledger, processor: Processor) -> None:
    """After 503 with Retry-After the delivery waits at least so long, then goes out again."""
    async with target_server(answer(503, b"later", Retry_After="120"), answer(200)) as target:
        queued = await handled(ledger, processor, target)
        row = await ledger.delivery(queued)
        assert (row["dispatch_status"], row["retry_count"]) == ("pending", 1)
        (waiting,) = await ledger.outbox()
        assert timedelta(seconds=110) < waiting["available_at"] - waiting["read_at"]
        (attempt,) = await ledger.attempts()
        outcome = orjson.loads(attempt["outcome"])
        assert outcome["code"] == "target_503"
        assert outcome["error"] == "the target answered 503: 'later'"
        await processor.process(next_attempt(queued))
    first, second = target.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(queued.delivery_id)
    assert is_signed(second, ledger)
    assert (await ledger.delivery(queued))["dispatch_status"] == "dispatched"


async def test_no_transaction_is_open_while_a_target_takes_its_time(
    ledger: Ledger, processor: Processor
) -> None:
    """A slow target holds neither a row lock nor the horizon of transactions."""
    async with target_server(hang) as target, asyncio.TaskGroup() as group:
        queued = await ledger.record({"url": target.url})
        task = group.create_task(processor.process(queued))

        async def has_come() -> bool:
            return bool(target.requests)

        await until(has_come)
        open_count = await ledger.pool.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'worker-tests' "
            "and datname = current_database() and state <> 'idle'"
        )
        await ledger.pool.fetchval(
            "select 1 from postern.deliveries where delivery_id = $1 for update nowait",
            queued.delivery_id,
        )
        task.cancel()
    assert open_count == 0


async def test_a_settled_delivery_is_not_sent_again(ledger: Ledger, processor: Processor) -> None:
    """A late copy of a delivery that was sent ends before the target hears of it."""
    async with target_server(answer(200)) as target:
        queued = await handled(ledger, processor, target)
        await processor.process(queued)
    assert len(target.requests) == 1


async def test_changed_mapping_counts_before_anything_is_sent(
    ledger: Ledger, processor: Processor
) -> None:
    """A worker that knows an older configuration loads the newer one, and sends once."""
    async with target_server(answer(200)) as target:
        await handled(ledger, processor, target)
        await ledger.change_mapping({**_URL, "body": "'new'"})
        await handled(ledger, processor, target)
    assert [request.body == b"new" for request in target.requests] == [False, True]


async def test_another_copy_that_settled_it_meanwhile_has_the_word(
    ledger: Ledger, processor: Processor
) -> None:
    """What was settled while the target answered stays as it is."""

    async def settle_first(writer: asyncio.StreamWriter) -> None:
        await ledger.pool.execute(
            "update postern.deliveries set dispatch_status = 'failed', completed_at = now()"
        )
        await answer(200)(writer)

    async with target_server(settle_first) as target:
        queued = await handled(ledger, processor, target)
    assert len(target.requests) == 1
    row = await ledger.delivery(queued)
    assert (row["dispatch_status"], row["handler_outcome"]) == ("failed", None)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (301, "the target answered 301; redirects are not followed"),
        (404, "the target answered 404: 'nope'"),
        (410, "the target answered 410: 'nope'"),
    ],
)
async def test_refusals_are_final(
    ledger: Ledger, processor: Processor, status: int, reason: str
) -> None:
    """The delivery fails at once with the answer; a redirect leads nowhere."""
    async with (
        target_server(answer(200)) as elsewhere,
        target_server(answer(status, b"nope", Location=elsewhere.url)) as target,
    ):
        queued = await handled(ledger, processor, target)
    assert elsewhere.connections == 0
    assert (await ledger.delivery(queued))["dispatch_status"] == "failed"
    outcome = await ledger.outcome(queued)
    assert (outcome["code"], outcome["error"]) == ("target_refused", reason)
    assert (outcome["status"], outcome["response"]) == (status, "nope")


async def test_mapping_makes_the_request(ledger: Ledger, processor: Processor) -> None:
    """Method, headers and body are what the expressions give."""
    await ledger.change_mapping(
        {
            "url": "$substringBefore(url, '?') & '/' & $encodeUrlComponent(kind)",
            "method": "'PATCH'",
            "headers": '{"X-Kind": kind, "Content-Type": "application/vnd.x+json"}',
            "body": '{"kind": kind, "n": 1}',
            "timeout_seconds": "5",
        }
    )
    async with target_server(answer(204)) as target:
        await handled(ledger, processor, target, kind="a/b")
    (request,) = target.requests
    assert request.line == "PATCH /hook/a%2Fb HTTP/1.1"
    assert request.headers["x-kind"] == "a/b"
    assert request.headers["content-type"] == "application/vnd.x+json"
    assert request.body == b'{"kind":"a/b","n":1}'
    assert is_signed(request, ledger)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "inside"},
        {"Transfer-Encoding": "chunked"},
        {"webhook-id": "x"},
        {"Postern-Hops": "0"},
        {"Authorization": "Bearer x"},
        {"X": "a\r\nEvil: b"},
        {"X": "ä"},
        {"X": 1},
        {"X:": "a"},
    ],
)
async def test_headers_that_are_not_the_mappings(
    ledger: Ledger, processor: Processor, headers: Mapping[str, object]
) -> None:
    """They fail by name, without their value, before anything is sent."""
    await ledger.change_mapping({**_URL, "headers": "headers"})
    async with target_server(answer(200)) as target:
        queued = await handled(ledger, processor, target, headers=headers)
    assert target.connections == 0
    outcome = await ledger.outcome(queued)
    assert (outcome["code"], outcome["field"]) == ("validation_error", "headers")
    assert "Bearer" not in outcome["error"]


@pytest.mark.parametrize(("received", "sent"), [("", "1"), ("3", "4"), ("x", "1"), ("8", None)])
async def test_circles_end(
    ledger: Ledger, processor: Processor, received: str, sent: str | None
) -> None:
    """Each forward counts; one that came round too often fails without a request."""
    async with target_server(answer(200)) as target:
        queued = await ledger.record({"url": target.url})
        headers = queued.headers + f"postern-hops: {received}\r\n".encode()
        await processor.process(replace(queued, headers=headers))
    assert [request.headers["postern-hops"] for request in target.requests] == [sent] * bool(sent)
    if sent is None:
        assert (await ledger.outcome(queued))["code"] == "forward_loop"


async def test_target_failures_open_the_breaker(
    ledger: Ledger, processor: Processor, tenant_pool: Pool
) -> None:
    """Two of several deliveries do; the next is held without a request; a success closes it."""
    async with target_server(answer(500), answer(500), answer(200)) as target:
        for _ in range(2):
            await handled(ledger, processor, target)
        held = await handled(ledger, processor, target)
        assert len(target.requests) == 2
        assert (await ledger.delivery(held))["retry_count"] == 0
        await ledger.pool.execute("update postern.circuit_breakers set probe_at = now()")
        await handled(ledger, processor, target)
    async with tenant_transaction(tenant_pool, ledger.tenant_id) as connection:
        state = await CircuitBreakers(connection).get(ledger.tenant_id, ledger.webhook_id)
    assert state == BreakerState()


@pytest.mark.parametrize(
    ("forwarder", "code"),
    [
        (build_forwarder(allowed=()), "blocked_address"),
        (build_forwarder(allows_plain_http=False), "blocked_scheme"),
        (build_forwarder(signing_roots=()), "signing_secret_missing"),
    ],
)
async def test_what_is_not_allowed_fails_and_opens_no_breaker(
    ledger: Ledger,
    tenant_pool: Pool,
    sandbox: Sandbox,
    registry: Registry,
    forwarder: Forwarder,
    code: str,
) -> None:
    """The delivery fails at once, the target hears nothing, and others are not held up."""
    processor = build_processor(
        tenant_pool, sandbox, registry, breaker=_BREAKER, forwarder=forwarder
    )
    async with target_server(answer(200)) as target:
        for _ in range(3):
            queued = await handled(ledger, processor, target)
            assert (await ledger.outcome(queued))["code"] == code
            assert (await ledger.delivery(queued))["dispatch_status"] == "failed"
    assert target.connections == 0
