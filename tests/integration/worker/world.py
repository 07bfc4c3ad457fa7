"""A tenant with a webhook in a real ledger, deliveries as a gateway records them, and a worker."""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.clock import SystemClock, unix_ms
from shared.database.pool import Connection, Pool
from shared.domain.delivery import QueuedDelivery
from shared.domain.identifiers import DeliveryId, TenantId, WebhookId, uuid7, uuid7_bytes
from shared.domain.retry import RetryPolicy
from shared.expressions.evaluator import Evaluator
from shared.expressions.sandbox import Sandbox
from shared.ledger.circuit_breakers import BreakerPolicy
from worker.actions.registry import Registry
from worker.attempt import AttemptRules, GroupLimits
from worker.forwarding.addresses import parse_networks
from worker.forwarding.client import Forwarder, ForwardPolicy
from worker.forwarding.connecting import CheckedConnections, Resolver
from worker.forwarding.resolving import SystemResolver
from worker.forwarding.signing_keys import KeySource, derived_keys
from worker.forwarding.target import parse_ports
from worker.handlers.direct_action import DirectActionHandler
from worker.handlers.workflow import WorkflowHandler
from worker.processor import Processor
from worker.webhooks import WebhookCache
from worker.workflows.registry import WorkflowRegistry

#: The mapping of the reference example.
DEVICE_MAPPING = {
    "external_id": "device.id",
    "client_external_id": "organization.id",
    "asset_type": "'workstation'",
    "name": "device.hostname",
    "status": "device.status",
    "rmm_snapshot": "$",
}
DEVICE_BODY: dict[str, Any] = {
    "event": {"id": "evt-1"},
    "device": {"id": "dev-1", "hostname": "host-1", "status": "online"},
    "organization": {"id": "org-1"},
}

#: What forwards are signed with, by a key for each webhook.
SIGNING_ROOT = bytes(range(32))

_SLOW = RetryPolicy(first_delay_seconds=60.0)
_GROUPS = GroupLimits(members=8, groups=1, apart=2)
_NEVER_OPEN = BreakerPolicy(failures=1_000_000)

_INSERT_WEBHOOK = """
insert into postern.webhooks (
    tenant_id, webhook_id, name, slug, auth_type, handler_type, handler_config)
values ($1, $2, $3, $3, 'bearer', 'direct_action', $4)
"""
_INSERT_DELIVERY = """
insert into postern.deliveries (
    tenant_id, delivery_id, webhook_id, webhook_version, received_at, request_method, request_path,
    request_headers, request_body, source_address, idempotency_key, ordering_key, auth_status,
    dispatch_status, response_status)
values ($1, $2, $3, 1, $4, 'POST', '/', $5, $6, '127.0.0.1', $7, $8, 'verified', 'pending', 200)
"""
_INSERT_OUTBOX = """
insert into postern.outbox (tenant_id, delivery_id, available_at, ordering_key)
values ($1, $2, now(), $3)
"""
_INSERT_KEY = """
insert into postern.idempotency_keys (tenant_id, webhook_id, key_digest, delivery_id, expires_at)
values ($1, $2, sha256(convert_to($3, 'UTF8')), $4, now() + interval '1 day')
"""
_INSERT_MAPPING = """
insert into postern.external_entity_mappings (
    tenant_id, webhook_id, entity_type, external_id, entity_id)
values ($1, $2, $3, $4, $5)
"""


@dataclass(slots=True)
class Ledger:
    """Writes what a gateway and an admin write, and reads everything, as the superuser."""

    pool: Pool
    tenant_id: TenantId = field(default_factory=lambda: TenantId(uuid7()))
    webhook_id: WebhookId = field(default_factory=lambda: WebhookId(uuid7()))

    async def insert_tenant(self, slug: str = "acme") -> None:
        """Insert the tenant."""
        await self.pool.execute(
            "insert into postern.tenants (tenant_id, slug, name) values ($1, $2, $2)",
            self.tenant_id,
            slug,
        )

    async def insert_webhook(
        self,
        *,
        field_mapping: Mapping[str, str],
        action: str = "upsertAssetByExternalId",
        slug: str = "rmm-device-updates",
    ) -> None:
        """Insert the webhook."""
        config = {"action": action, "field_mapping": field_mapping}
        await self.pool.execute(
            _INSERT_WEBHOOK,
            self.tenant_id,
            self.webhook_id,
            slug,
            orjson.dumps(config).decode(),
        )

    async def change_mapping(self, field_mapping: Mapping[str, str]) -> None:
        """Change the webhook's mapping, as the control API does."""
        await self.pool.execute(
            "update postern.webhooks set version = version + 1, "
            "handler_config = jsonb_set(handler_config, '{field_mapping}', $2) "
            "where webhook_id = $1",
            self.webhook_id,
            orjson.dumps(field_mapping).decode(),
        )

    async def insert_client(self, *, external_id: str | None = None) -> UUID:
        """Insert a client, with a mapping where an external id is given."""
        client_id = uuid7()
        await self.pool.execute(
            "insert into psa.clients (tenant_id, client_id, name) values ($1, $2, $3)",
            self.tenant_id,
            client_id,
            f"client {client_id}",
        )
        if external_id is not None:
            await self.insert_mapping("client", external_id, client_id)
        return client_id

    async def insert_mapping(self, entity_type: str, external_id: str, entity_id: UUID) -> None:
        """Map an external id to an entity."""
        await self.pool.execute(
            _INSERT_MAPPING, self.tenant_id, self.webhook_id, entity_type, external_id, entity_id
        )

    async def record(
        self,
        body: object,
        *,
        idempotency_key: str | None = None,
        ordering_key: str | None = None,
        seconds_ago: int = 0,
        over: Connection | None = None,
        is_published: bool = False,
    ) -> QueuedDelivery:
        """Record an accepted delivery with its key and outbox row; return it as queued.

        Its gateway's clock is ``seconds_ago`` behind; ``over`` is a connection in a transaction.
        """
        target = over or self.pool
        made = uuid7_bytes(unix_ms() - seconds_ago * 1000, os.urandom(10))
        queued = QueuedDelivery(
            tenant_id=self.tenant_id,
            webhook_id=self.webhook_id,
            delivery_id=DeliveryId(UUID(bytes=made)),
            attempt=0,
            received_at=SystemClock().now(),
            headers=b"content-type: application/json\r\n",
            body=body if isinstance(body, bytes) else orjson.dumps(body),
            idempotency_key=idempotency_key,
            ordering_key=ordering_key,
        )
        ids = (queued.tenant_id, queued.delivery_id)
        await target.execute(
            _INSERT_DELIVERY,
            *ids,
            queued.webhook_id,
            queued.received_at,
            queued.headers,
            queued.body,
            idempotency_key,
            ordering_key,
        )
        if not is_published:
            await target.execute(_INSERT_OUTBOX, *ids, ordering_key)
        if idempotency_key is not None:
            await target.execute(
                _INSERT_KEY,
                self.tenant_id,
                self.webhook_id,
                idempotency_key,
                queued.delivery_id,
            )
        return queued

    async def delivery(self, queued: QueuedDelivery) -> asyncpg.Record:
        """Return a delivery's row."""
        row = await self.pool.fetchrow(
            "select * from postern.deliveries where delivery_id = $1", queued.delivery_id
        )
        assert row is not None
        return row

    async def outcome(self, queued: QueuedDelivery) -> dict[str, Any]:
        """Return a delivery's outcome."""
        outcome: dict[str, Any] = orjson.loads((await self.delivery(queued))["handler_outcome"])
        return outcome

    async def assets(self) -> list[asyncpg.Record]:
        """Return every asset of every tenant."""
        return await self.pool.fetch("select * from psa.assets order by asset_id")

    async def asset(self) -> asyncpg.Record:
        """Return the one asset that there is."""
        (asset,) = await self.assets()
        return asset

    async def outbox(self) -> list[asyncpg.Record]:
        """Return every outbox row."""
        return await self.pool.fetch("select *, now() as read_at from postern.outbox")

    async def key_count(self) -> int:
        """Return how many idempotency keys there are."""
        count: int = await self.pool.fetchval("select count(*) from postern.idempotency_keys")
        return count

    async def effect_count(self) -> int:
        """Return how often the counting action has had its effect."""
        count: int = await self.pool.fetchval("select count(*) from public.effects")
        return count

    async def attempts(self) -> list[asyncpg.Record]:
        """Return the kept attempts, in order."""
        return await self.pool.fetch("select * from postern.delivery_attempts order by attempt")


async def until(condition: Callable[[], Awaitable[object]], *, seconds: float = 15.0) -> None:
    """Wait for a condition, looking again every few hundredths of a second."""
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


def build_processor(
    pool: Pool,
    sandbox: Sandbox,
    registry: Registry,
    *,
    workflows: WorkflowHandler | None = None,
    handler_timeout_seconds: float = 15.0,
    policy: RetryPolicy = _SLOW,
    breaker: BreakerPolicy = _NEVER_OPEN,
    forwarder: Forwarder | None = None,
    groups: GroupLimits = _GROUPS,
) -> Processor:
    """Return a worker's processor whose retries come after exactly their longest delay."""
    clock = SystemClock()
    return Processor(
        pool=pool,
        webhooks=WebhookCache(pool),
        direct_actions=DirectActionHandler(
            registry=registry,
            evaluator=Evaluator(sandbox),
            clock=clock,
            expression_timeout_seconds=1.0,
            forwarder=forwarder or build_forwarder(),
        ),
        workflows=workflows or WorkflowHandler(WorkflowRegistry(), None),
        rules=AttemptRules(
            handler_timeout_seconds=handler_timeout_seconds,
            policy=policy,
            random=lambda: 1.0,
            groups=groups,
            breaker=breaker,
        ),
        clock=clock,
    )


def build_forwarder(
    *,
    allowed: Sequence[str] = ("127.0.0.0/8", "::1/128"),
    allows_plain_http: bool = True,
    longest_seconds: float = 10.0,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
    signing_roots: Sequence[bytes] = (SIGNING_ROOT,),
    keys: KeySource | None = None,
) -> Forwarder:
    """Return what forwards to targets on this machine."""

    async def derived(tenant_id: UUID, webhook_id: UUID) -> Sequence[bytes]:
        return derived_keys(signing_roots, tenant_id, webhook_id)

    return Forwarder(
        ForwardPolicy(
            ports=parse_ports(["80", "443", "1024-65535"]),
            allows_plain_http=allows_plain_http,
            longest_seconds=longest_seconds,
        ),
        connections=CheckedConnections(
            allowed=parse_networks(allowed), resolver=resolver or SystemResolver()
        ),
        tls=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        keys=keys or derived,
        clock=SystemClock(),
    )


def next_attempt(queued: QueuedDelivery) -> QueuedDelivery:
    """Return a delivery as it is queued for the attempt after this one."""
    return replace(queued, attempt=queued.attempt + 1)


def other_delivery(queued: QueuedDelivery) -> QueuedDelivery:
    """Return a delivery that no ledger knows."""
    return replace(queued, delivery_id=DeliveryId(uuid7()))
