"""The API served in memory over real pools, two tenants, and their keys."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest

from control_api.access import Services
from control_api.app import build_app
from control_api.authentication import Authenticator
from control_api.bootstrap import bootstrap_operator, bootstrap_tenant
from shared.clock import SystemClock
from shared.crypto.keyring import Keyring
from shared.database.pool import (
    OPERATOR_ROLE,
    SYSTEM_ROLE,
    TENANT_ROLE,
    Connection,
    create_pool,
)
from shared.domain.identifiers import uuid7
from tests.documented_answers import DocumentedAnswers
from worker.actions import assets

MAX_BODY_BYTES = 100_000
GATEWAY_URL = "https://hooks.example.com"

ASSET_ACTION = assets.upsert_asset.definition()


@dataclass(frozen=True)
class Tenant:
    """A tenant and a client that presents its key."""

    tenant_id: UUID
    slug: str
    key: str
    http: httpx.AsyncClient

    async def post(self, path: str, body: object = None, *, expect: int) -> Any:
        return _checked(await self.http.post(path, json=body or {}), expect)

    async def put(self, path: str, body: object, *, expect: int = 200) -> Any:
        return _checked(await self.http.put(path, json=body), expect)

    async def get(
        self, path: str, params: Mapping[str, str | int] | None = None, *, expect: int = 200
    ) -> Any:
        return _checked(await self.http.get(path, params=params), expect)

    async def delete(self, path: str, *, expect: int) -> Any:
        return _checked(await self.http.delete(path), expect)


def _checked(response: httpx.Response, expect: int) -> Any:
    assert response.status_code == expect, response.text
    return response.json() if response.content else None


@pytest.fixture
async def superuser(database_url: str) -> AsyncIterator[Connection]:
    """A connection that sees everything and may announce actions."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into postern.action_catalog (name, entity_type, definition) values ($1, $2, $3)",
        ASSET_ACTION["name"],
        ASSET_ACTION["entity_type"],
        orjson.dumps(ASSET_ACTION).decode(),
    )
    yield connection
    await connection.close()


@pytest.fixture
async def services(database_url: str, keyring: Keyring) -> AsyncIterator[Services]:
    async with (
        await create_pool(
            database_url, role=TENANT_ROLE, application_name="test-api", size=4
        ) as tenant_pool,
        await create_pool(
            database_url, role=SYSTEM_ROLE, application_name="test-keys", size=2
        ) as key_pool,
        await create_pool(
            database_url, role=OPERATOR_ROLE, application_name="test-operators", size=2
        ) as operator_pool,
    ):
        yield Services(
            tenant_pool=tenant_pool,
            operator_pool=operator_pool,
            authenticator=Authenticator(key_pool),
            keyring=keyring,
            public_gateway_url=GATEWAY_URL,
            max_body_bytes=MAX_BODY_BYTES,
        )


@pytest.fixture
async def anonymous(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    transport = httpx.ASGITransport(DocumentedAnswers(build_app(services)))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client


@pytest.fixture
async def acme(anonymous: httpx.AsyncClient, superuser: Connection) -> Tenant:
    return await make_tenant(anonymous, superuser, "acme")


@pytest.fixture
async def rival(anonymous: httpx.AsyncClient, superuser: Connection) -> Tenant:
    return await make_tenant(anonymous, superuser, "rival")


@pytest.fixture
async def operator(
    anonymous: httpx.AsyncClient, superuser: Connection
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that presents an operator's credential."""
    made = await bootstrap_operator(superuser, name="ops")
    headers = {"x-api-key": made.operator_key}
    async with httpx.AsyncClient(
        transport=anonymous._transport, base_url="http://api", headers=headers
    ) as client:
        yield client


async def make_tenant(anonymous: httpx.AsyncClient, superuser: Connection, slug: str) -> Tenant:
    made = await bootstrap_tenant(superuser, slug=slug, name=slug.title())
    return Tenant(
        tenant_id=made.tenant_id,
        slug=slug,
        key=made.api_key,
        http=httpx.AsyncClient(
            transport=anonymous._transport,
            base_url="http://api",
            headers={"x-api-key": made.api_key},
        ),
    )


async def insert_delivery(superuser: Connection, **overrides: object) -> UUID:
    """Insert a delivery as a gateway would; an accepted and handled one by default."""
    row: dict[str, object] = {
        "delivery_id": uuid7(),
        "webhook_id": None,
        "received_at": SystemClock().now(),
        "request_method": "POST",
        "request_path": "/api/inbound/acme/rmm",
        "request_headers": b"content-type: application/json\r\nuser-agent: rmm/1\r\n",
        "request_body": b'{"event": {"id": "e1"}}',
        "source_address": "203.0.113.9",
        "auth_status": "verified",
        "dispatch_status": "dispatched",
        "response_status": 200,
    } | overrides
    columns = ", ".join(row)
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await superuser.execute(
        f"insert into postern.deliveries ({columns}) values ({places})", *row.values()
    )
    inserted = row["delivery_id"]
    assert isinstance(inserted, UUID)
    return inserted
