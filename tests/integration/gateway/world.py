"""A ledger with webhooks, a gateway over it, and a sender."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson

from gateway.app import run
from gateway.settings import GatewaySettings
from shared.crypto.keyring import Keyring
from shared.crypto.sealing import seal
from shared.database.pool import Pool
from shared.domain.identifiers import SecretId, TenantId, WebhookId, uuid7
from shared.embedded.ports import free_port
from shared.settings import Secret

SECRET = "replace-with-shared-secret"
SIGNATURE_HEADER = "X-RMM-Signature"
TENANT = "acme"
SLUG = "rmm-device-updates"
#: Longer than any wait that a machine under load needs; only a failing test waits it out.
PATIENCE_SECONDS = 30.0

_INSERT_WEBHOOK = """
insert into postern.webhooks (
    tenant_id, webhook_id, name, slug, auth_type, auth_config, idempotency_source,
    idempotency_window_seconds, handler_type, handler_config, rate_limit_per_minute, ordering)
values ($1, $2, $3, $3, $4, $5, $6, $7, 'direct_action', '{"action": "none"}', $8, $9)
"""
_AUTH_CONFIGS: Mapping[str, Mapping[str, object]] = {
    "hmac_sha256": {"signature_header": SIGNATURE_HEADER},
    "bearer": {},
    "path_token": {"query_param": "token"},
    "ip_allowlist": {"ip_cidrs": ["127.0.0.0/8"]},
    "signature": {"preset": "github", "options": {}},
}


#: No client here needs it, and each would take 30 ms to load one of its own.
TLS = ssl.create_default_context()


@dataclass(slots=True)
class Ledger:
    """Writes what the control API writes, and reads everything, as the superuser."""

    pool: Pool
    keyring: Keyring
    database_url: str
    tenant_id: TenantId = field(default_factory=lambda: TenantId(uuid7()))

    async def insert_tenant(self, slug: str = TENANT) -> TenantId:
        """Insert a tenant; the first one, called acme, owns what is inserted without another."""
        tenant_id = self.tenant_id if slug == TENANT else TenantId(uuid7())
        await self.pool.execute(
            "insert into postern.tenants (tenant_id, slug, name) values ($1, $2, $2)",
            tenant_id,
            slug,
        )
        return tenant_id

    async def insert_webhook(
        self,
        slug: str = SLUG,
        *,
        auth_type: str = "hmac_sha256",
        auth_config: Mapping[str, object] | None = None,
        key: Mapping[str, str] | None = None,
        ordering: Mapping[str, object] | None = None,
        window_seconds: int = 86_400,
        per_minute: int = 60_000,
        secret: str | None = SECRET,
    ) -> WebhookId:
        """Insert a webhook with one secret."""
        webhook_id = WebhookId(uuid7())
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                _INSERT_WEBHOOK,
                self.tenant_id,
                webhook_id,
                slug,
                auth_type,
                _json(_AUTH_CONFIGS[auth_type] if auth_config is None else auth_config),
                None if key is None else _json(key),
                window_seconds,
                per_minute,
                None if ordering is None else _json(ordering),
            )
            if secret is not None and auth_type != "ip_allowlist":
                await self._insert_secret(connection, webhook_id, secret)
        return webhook_id

    async def rotate(self, webhook_id: UUID, secret: str, *, overlap_seconds: float) -> None:
        """Add a secret and let those before it count for a while longer, as the control API."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "update postern.webhook_secrets"
                " set valid_until = now() + make_interval(secs => $2) where webhook_id = $1",
                webhook_id,
                overlap_seconds,
            )
            await self._insert_secret(connection, webhook_id, secret)
            await self._touch(connection, webhook_id)

    async def change(self, webhook_id: UUID, **columns: object) -> None:
        """Change columns of a webhook."""
        names = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, start=2))
        await self.pool.execute(
            f"update postern.webhooks set version = version + 1, {names} where webhook_id = $1",
            webhook_id,
            *columns.values(),
        )

    async def delete(self, webhook_id: UUID) -> None:
        """Delete a webhook, as the control API."""
        await self.pool.execute(
            "update postern.webhooks set deleted_at = now(), is_active = false,"
            " version = version + 1 where webhook_id = $1",
            webhook_id,
        )

    async def deliveries(self) -> list[asyncpg.Record]:
        """Return every delivery, oldest first."""
        return await self.pool.fetch("select * from postern.deliveries order by delivery_id")

    async def delivery(self, delivery_id: str) -> asyncpg.Record:
        """Return one delivery."""
        row = await self.pool.fetchrow(
            "select * from postern.deliveries where delivery_id = $1", UUID(delivery_id)
        )
        assert row is not None, delivery_id
        return row

    async def count(self, table: str, condition: str = "true") -> int:
        """Return how many rows of a table meet a condition."""
        found: int = await self.pool.fetchval(
            f"select count(*) from postern.{table} where {condition}"
        )
        return found

    async def _insert_secret(self, connection: Any, webhook_id: UUID, secret: str) -> None:
        secret_id = SecretId(uuid7())
        context = (self.tenant_id, webhook_id, secret_id)
        await connection.execute(
            "insert into postern.webhook_secrets (tenant_id, webhook_id, secret_id, sealed)"
            " values ($1, $2, $3, $4)",
            *context,
            seal(self.keyring, secret.encode(), context=context),
        )

    @staticmethod
    async def _touch(connection: Any, webhook_id: UUID) -> None:
        await connection.execute(
            "update postern.webhooks set version = version + 1 where webhook_id = $1", webhook_id
        )


@dataclass(frozen=True)
class Gateway:
    """A running gateway and a client of it."""

    http: httpx.AsyncClient
    port: int
    operations_url: str

    async def post(
        self,
        body: bytes,
        *,
        slug: str = SLUG,
        secret: str = SECRET,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        tenant: str = TENANT,
    ) -> httpx.Response:
        """Send a signed request."""
        return await self.http.request(
            method,
            path_of(slug, tenant),
            content=body,
            headers={SIGNATURE_HEADER: signature(body, secret), **(headers or {})},
        )

    async def post_unsigned(
        self,
        body: bytes = b"{}",
        *,
        slug: str = SLUG,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        tenant: str = TENANT,
    ) -> httpx.Response:
        """Send a request as it is given."""
        path = path_of(slug, tenant) + (f"?{query}" if query else "")
        return await self.http.post(path, content=body, headers=dict(headers or {}))

    async def readiness(self) -> int:
        """Return the status of /readyz."""
        return (await self.http.get(f"{self.operations_url}/readyz")).status_code


def path_of(slug: str = SLUG, tenant: str = TENANT) -> str:
    """Return the path of a receiver."""
    return f"/api/inbound/{tenant}/{slug}"


def signature(body: bytes, secret: str = SECRET) -> str:
    """Return what the sender puts into the signature header."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def gateway_settings(database_url: str, keyring: Keyring, **overrides: Any) -> GatewaySettings:
    """Return the settings of a gateway on free ports."""
    keys = ",".join(
        f"{name}:{base64.b64encode(key).decode()}" for name, key in keyring.keys.items()
    )
    values: dict[str, Any] = {
        "database_url": Secret(database_url),
        "master_keys": Secret(keys),
        "port": free_port(),
        "operations_port": free_port(),
        # A machine under load may take longer than the default; tests of the deadline set it.
        "deadline_seconds": 5.0,
        **overrides,
    }
    return GatewaySettings(**values)


@asynccontextmanager
async def serving(ledger: Ledger, **overrides: Any) -> AsyncIterator[Gateway]:
    """Run a gateway over a ledger, until the end of the block."""
    settings = gateway_settings(ledger.database_url, ledger.keyring, **overrides)
    async with running_gateway(settings) as gateway:
        yield gateway


@asynccontextmanager
async def running_gateway(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """Run a gateway in this process until the end of the block, and stop it cleanly."""
    stop = asyncio.Event()
    operations_url = f"http://127.0.0.1:{settings.operations_port}"
    async with (
        asyncio.TaskGroup() as group,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{settings.port}",
            limits=httpx.Limits(max_connections=250, max_keepalive_connections=250),
            timeout=PATIENCE_SECONDS,
            verify=TLS,
        ) as client,
    ):
        running = group.create_task(run(settings, stop), name="gateway")
        gateway = Gateway(client, settings.port, operations_url)
        try:
            await eventually(lambda: _is_ready(gateway))
            yield gateway
        finally:
            stop.set()
            await asyncio.wait_for(running, PATIENCE_SECONDS)


async def _is_ready(gateway: Gateway) -> bool:
    try:
        return await gateway.readiness() == 200
    except httpx.TransportError:
        return False


async def eventually(
    condition: Callable[[], Awaitable[bool]], *, within_seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait until a condition holds; fail at the deadline."""
    async with asyncio.timeout(within_seconds):
        while not await condition():  # noqa: ASYNC110 - nothing in PostgreSQL could set an event
            await asyncio.sleep(0.02)


def statuses(responses: Iterable[httpx.Response]) -> list[int]:
    """Return the status of each response."""
    return [response.status_code for response in responses]


def answer(response: httpx.Response) -> dict[str, Any]:
    """Return the body of a response, which is a JSON object."""
    body: dict[str, Any] = orjson.loads(response.content)
    return body


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
