"""What a webhook's forwards are signed with: the workers' secret, its own, or both."""

from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from shared.crypto.keyring import Keyring, parse_keyring
from shared.database.pool import Pool, tenant_transaction
from shared.domain.identifiers import WebhookId, uuid7
from shared.expressions.sandbox import Sandbox
from shared.ledger.forward_secrets import ForwardSecrets
from tests.integration.worker.forwarding.target_server import TargetServer, answer, target_server
from tests.integration.worker.world import SIGNING_ROOT, Ledger, build_forwarder, build_processor
from worker.actions import forward
from worker.actions.registry import Registry
from worker.forwarding.signing import signature, webhook_key
from worker.forwarding.signing_keys import SigningKeys
from worker.processor import Processor

_OWN = bytes(range(40, 72))
_OLD = bytes(range(80, 112))


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    """A ledger with a webhook that forwards to the address in the body."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=2) as pool:
        opened = Ledger(pool)
        await opened.insert_tenant()
        await opened.insert_webhook(field_mapping={"url": "url"}, action="forward")
        yield opened


def _processor(pool: Pool, keyring: Keyring, roots: Sequence[bytes]) -> Processor:
    registry = Registry()
    registry.add_module(forward)
    keys = SigningKeys(pool, keyring=keyring, roots=roots)
    return build_processor(
        pool, Sandbox(size=1), registry, forwarder=build_forwarder(keys=keys.find)
    )


async def _set(pool: Pool, keyring: Keyring, ledger: Ledger, key: bytes, overlap: float) -> None:
    async with tenant_transaction(pool, ledger.tenant_id) as connection:
        await ForwardSecrets(
            connection, tenant_id=ledger.tenant_id, webhook_id=ledger.webhook_id
        ).replace(keyring, key, overlap_seconds=overlap)


async def _signatures(ledger: Ledger, processor: Processor, target: TargetServer) -> list[str]:
    """Forward once; return the signatures that came."""
    queued = await ledger.record({"url": target.url})
    await processor.process(queued)
    assert (await ledger.delivery(queued))["dispatch_status"] == "dispatched"
    return target.requests[-1].headers["webhook-signature"].split(" ")


def _expected(target: TargetServer, *keys: bytes) -> list[str]:
    """Return what a receiver makes of the last request with keys that it knows."""
    request = target.requests[-1]
    return [
        signature(
            key,
            request.headers["webhook-id"],
            timestamp=int(request.headers["webhook-timestamp"]),
            body=request.body,
        )
        for key in keys
    ]


async def test_exchanged_secret_signs_at_once_and_beside_the_old_one(
    ledger: Ledger, tenant_pool: Pool, keyring: Keyring
) -> None:
    """From the workers' secret to the webhook's own and on to another, without a gap."""
    derived = webhook_key(SIGNING_ROOT, ledger.tenant_id, ledger.webhook_id)
    processor = _processor(tenant_pool, keyring, [SIGNING_ROOT])
    async with target_server(*[answer(200)] * 4) as target:
        assert await _signatures(ledger, processor, target) == _expected(target, derived)
        await _set(tenant_pool, keyring, ledger, _OLD, overlap=60)
        assert await _signatures(ledger, processor, target) == _expected(target, _OLD, derived)
        await _set(tenant_pool, keyring, ledger, _OWN, overlap=60)
        signed = await _signatures(ledger, processor, target)
        assert signed == _expected(target, _OWN, _OLD, derived)
        await _set(tenant_pool, keyring, ledger, _OWN, overlap=0)
        assert await _signatures(ledger, processor, target) == _expected(target, _OWN)


async def test_own_secret_needs_none_of_the_workers(
    ledger: Ledger, tenant_pool: Pool, keyring: Keyring
) -> None:
    """A worker without a signing secret forwards for webhooks that have one."""
    processor = _processor(tenant_pool, keyring, [])
    await _set(tenant_pool, keyring, ledger, _OWN, overlap=60)
    async with target_server(answer(200)) as target:
        assert await _signatures(ledger, processor, target) == _expected(target, _OWN)


async def test_secret_that_cannot_be_opened_is_no_fault_of_the_delivery(
    ledger: Ledger, tenant_pool: Pool, keyring: Keyring
) -> None:
    """A worker that lacks the master key tries again later, and sends nothing unsigned."""
    await _set(tenant_pool, keyring, ledger, _OWN, overlap=0)
    other = parse_keyring("other:" + "A" * 43 + "=")
    async with target_server(answer(200)) as target:
        queued = await ledger.record({"url": target.url})
        await _processor(tenant_pool, other, [SIGNING_ROOT]).process(queued)
        assert target.requests == []
    row = await ledger.delivery(queued)
    assert (row["dispatch_status"], row["retry_count"]) == ("pending", 1)
    (attempt,) = await ledger.attempts()
    assert '"signing_secret_unreadable"' in attempt["outcome"]


async def test_secret_of_another_row_does_not_open(
    ledger: Ledger, tenant_pool: Pool, keyring: Keyring
) -> None:
    """What is sealed for one webhook is worth nothing in another's row."""
    await _set(tenant_pool, keyring, ledger, _OWN, overlap=0)
    other = Ledger(ledger.pool, tenant_id=ledger.tenant_id, webhook_id=WebhookId(uuid7()))
    await other.insert_webhook(field_mapping={"url": "url"}, action="forward", slug="other")
    await ledger.pool.execute(
        "update postern.forward_secrets set webhook_id = $1", other.webhook_id
    )
    async with target_server(answer(200)) as target:
        queued = await other.record({"url": target.url})
        await _processor(tenant_pool, keyring, [SIGNING_ROOT]).process(queued)
        assert target.requests == []
    assert (await ledger.delivery(queued))["dispatch_status"] == "pending"
