"""Two tenants with something of every kind, keys of every kind, and calls of the API in memory."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import orjson
from starlette.types import ASGIApp, Message

from control_api.bootstrap import bootstrap_tenant
from control_api.credentials import key_digest, key_prefix, new_key
from control_api.permissions import Permission
from shared.database.pool import Connection
from shared.domain.identifiers import uuid7
from tests.integration.control_api.conftest import insert_delivery

#: Stands in every text of the other tenant, and in nothing else.
CANARY = "zq7canary"
#: A stream goes on until its reader leaves: after so long without a word.
_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    method: str
    path: str
    key: str | None
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    async def send(self, app: ASGIApp) -> Answer:
        """Return the app's answer; a stream is left when it pauses."""
        given = {"content-type": "application/json"} | dict(self.headers)
        if self.key is not None:
            given["x-api-key"] = self.key
        incoming = [
            {
                "type": "http.request",
                "body": b"" if self.body is None else orjson.dumps(self.body),
            }
        ]
        start: Message = {}
        body = bytearray()
        spoke = asyncio.Event()

        async def receive() -> Message:
            if incoming:
                return incoming.pop()
            while spoke.is_set() or not start:
                spoke.clear()
                await asyncio.sleep(_PATIENCE_SECONDS)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            spoke.set()
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "root_path": "",
            "query_string": urlencode(self.query).encode(),
            "headers": [(n.lower().encode(), v.encode()) for n, v in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("api", 80),
            "state": {},
        }
        await app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, bytes(body))


@dataclass
class Side:
    """A tenant, its key with every permission, and how to make more of its things."""

    connection: Connection
    tenant_id: UUID
    slug: str
    key: str
    #: Stands in every text.
    mark: str
    #: Made once, for calls that change nothing.
    things: dict[str, str] = field(default_factory=dict)

    async def made(self, parameters: list[str], *, anew: bool) -> dict[str, str]:
        """Return ids for the places of a path, from one thing and what belongs to it."""
        things: dict[str, str] = {} if anew else self.things
        for name in parameters:
            if name not in things:
                things[name] = await self._make(name, things)
        return {name: things[name] for name in parameters}

    async def _make(self, name: str, things: dict[str, str]) -> str:
        makers: Mapping[str, Callable[[dict[str, str]], Awaitable[object]]] = {
            "webhook_id": self._webhook,
            "delivery_id": self._delivery,
            "client_id": self._client,
            "asset_id": self._asset,
            "api_key_id": self._api_key,
            "tenant_id": self._tenant,
            "secret_id": self._secret,
            "sample_id": self._sample,
            "replay_job_id": self._replay_job,
        }
        if name not in makers:
            raise AssertionError(f"say here how to make a thing for {{{name}}} of a path")
        return str(await makers[name](things))

    async def _tenant(self, _: dict[str, str]) -> UUID:
        return self.tenant_id

    async def _webhook(self, _: dict[str, str]) -> UUID:
        webhook_id = uuid7()
        mapping = {"external_id": "id", "name": f"'{self.mark}'"}
        await self.connection.execute(
            "insert into postern.webhooks (tenant_id, webhook_id, name, slug, description,"
            " auth_type, auth_config, handler_type, handler_config)"
            " values ($1, $2, $3, $4, $3, 'hmac_sha256', $5, 'direct_action', $6)",
            self.tenant_id,
            webhook_id,
            f"Webhook {self.mark}",
            f"{self.mark}-{webhook_id}",
            orjson.dumps({"signature_header": f"X-{self.mark}"}).decode(),
            orjson.dumps({"action": "upsertAssetByExternalId", "field_mapping": mapping}).decode(),
        )
        await self._secret({"webhook_id": str(webhook_id)})
        return webhook_id

    async def _secret(self, things: dict[str, str]) -> UUID:
        secret_id = uuid7()
        await self.connection.execute(
            "insert into postern.webhook_secrets (tenant_id, webhook_id, secret_id, sealed)"
            " values ($1, $2, $3, 'x')",
            self.tenant_id,
            UUID(things.get("webhook_id") or self.things["webhook_id"]),
            secret_id,
        )
        return secret_id

    async def _sample(self, things: dict[str, str]) -> UUID:
        sample_id = uuid7()
        await self.connection.execute(
            "insert into postern.webhook_samples (tenant_id, webhook_id, sample_id, delivery_id,"
            " headers, body, captured_at, name) values ($1, $2, $3, $3, $4, $5, now(), $6)",
            self.tenant_id,
            UUID(things.get("webhook_id") or self.things["webhook_id"]),
            sample_id,
            f"x-{self.mark}: {self.mark}\r\n".encode(),
            orjson.dumps({"id": self.mark}),
            f"{self.mark} {sample_id}",
        )
        return sample_id

    async def _delivery(self, things: dict[str, str]) -> UUID:
        webhook_id = things.get("webhook_id") or self.things["webhook_id"]
        return await insert_delivery(
            self.connection,
            tenant_id=self.tenant_id,
            webhook_id=UUID(webhook_id),
            request_path=f"/api/inbound/{self.slug}/{self.mark}",
            request_headers=f"x-{self.mark}: {self.mark}\r\n".encode(),
            request_body=orjson.dumps({"id": self.mark}),
            idempotency_key=self.mark,
            handler_outcome=orjson.dumps({"entity": self.mark}).decode(),
        )

    async def _replay_job(self, _: dict[str, str]) -> UUID:
        job_id = uuid7()
        await self.connection.execute(
            "insert into postern.replay_jobs (tenant_id, replay_job_id, conditions, most_count,"
            " per_second, position, end_id, created_by) values ($1, $2, $3, 1, 1, $2, $2, $4)",
            self.tenant_id,
            job_id,
            orjson.dumps({"text": self.mark}).decode(),
            self.mark,
        )
        return job_id

    async def _client(self, _: dict[str, str]) -> UUID:
        client_id = uuid7()
        await self.connection.execute(
            "insert into psa.clients (tenant_id, client_id, name) values ($1, $2, $3)",
            self.tenant_id,
            client_id,
            f"{self.mark} {client_id}",
        )
        return client_id

    async def _asset(self, _: dict[str, str]) -> UUID:
        asset_id = uuid7()
        await self.connection.execute(
            "insert into psa.assets (tenant_id, asset_id, client_id, name, rmm_snapshot)"
            " values ($1, $2, $3, $4, $5)",
            self.tenant_id,
            asset_id,
            await self._client({}),
            self.mark,
            orjson.dumps({"host": self.mark}).decode(),
        )
        return asset_id

    async def _api_key(self, _: dict[str, str]) -> UUID:
        return (await self.new_key(list(Permission)))[0]

    async def new_key(self, permissions: list[Permission], **columns: object) -> tuple[UUID, str]:
        """Insert a key; return its id and its text."""
        key, key_id = new_key(), uuid7()
        row: dict[str, object] = {
            "tenant_id": self.tenant_id,
            "api_key_id": key_id,
            "key_digest": key_digest(key),
            "key_prefix": key_prefix(key),
            "name": self.mark,
            "permissions": list(permissions),
        } | columns
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await self.connection.execute(
            f"insert into postern.api_keys ({', '.join(row)}) values ({places})", *row.values()
        )
        return key_id, key


async def build_side(connection: Connection, slug: str, mark: str) -> Side:
    """Make a tenant with something of every kind."""
    made = await bootstrap_tenant(connection, slug=slug, name=f"Tenant {mark}")
    side = Side(connection, made.tenant_id, slug, made.api_key, mark)
    own = ["webhook_id", "delivery_id", "client_id", "asset_id"]
    await side.made([*own, "secret_id", "sample_id", "replay_job_id"], anew=False)
    await connection.execute(
        "insert into postern.external_entity_mappings"
        " (tenant_id, webhook_id, entity_type, external_id, realm, entity_id)"
        " values ($1, $2, 'asset', $3, '', $4)",
        side.tenant_id,
        UUID(side.things["webhook_id"]),
        mark,
        UUID(side.things["asset_id"]),
    )
    await connection.execute(
        "insert into postern.audit_events (tenant_id, event_id, actor, action, target)"
        " values ($1, $2, $3, $3, $3)",
        side.tenant_id,
        uuid7(),
        mark,
    )
    return side


def random_ids(parameters: list[str]) -> dict[str, str]:
    """Return ids of nothing."""
    return {name: str(uuid4()) for name in parameters}


def path_parameters(path: str) -> list[str]:
    """Return the names of the places of a path template."""
    return re.findall(r"\{(\w+)\}", path)


async def fingerprint(connection: Connection, tenant_id: UUID) -> dict[str, str]:
    """Return a digest of a tenant's rows by table; of its keys the uses do not count."""
    tables = await connection.fetch(
        "select format('%I.%I', n.nspname, c.relname) as name from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'"
        " where n.nspname in ('postern', 'psa') and c.relkind in ('r', 'p')"
        " and not c.relispartition and c.relname <> 'api_keys'"
    )
    return {
        row["name"]: await connection.fetchval(
            f"select md5(coalesce(string_agg(t::text, ',' order by t::text), ''))"
            f" from {row['name']} t where tenant_id = $1",
            tenant_id,
        )
        for row in tables
    }
