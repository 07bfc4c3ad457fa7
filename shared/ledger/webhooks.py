"""Webhooks as admins read and change them; the programs' own view is in ``configuration``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import asyncpg
import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import TenantId, WebhookId
from shared.errors import Conflict, NotFound

_QUERIES = Queries(__package__, "webhooks.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """What an admin may set; the configs hold no secrets."""

    name: str
    slug: str
    description: str | None
    auth_type: str
    auth_config: Mapping[str, Any]
    idempotency_source: Mapping[str, str] | None
    idempotency_window_seconds: int
    handler_type: str
    handler_config: Mapping[str, Any]
    rate_limit_per_minute: int
    is_active: bool
    #: None: the workers' default.
    retry_policy: Mapping[str, Any] | None = None
    #: None: no order.
    ordering: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWebhook:
    """A webhook as it stands in the ledger."""

    tenant_id: TenantId
    tenant_slug: str
    webhook_id: WebhookId
    settings: WebhookSettings
    auto_disabled_at: datetime | None
    #: True while a sample may still have to be taken from the ledger.
    sample_armed: bool
    #: Until when the next accepted request is kept as a sample; None: not wanted.
    sample_expires_at: datetime | None
    version: int
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class Webhooks:
    """Reads and writes webhooks on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(
        self,
        tenant_id: UUID,
        webhook_id: UUID,
        settings: WebhookSettings,
        *,
        created_by: UUID | None,
    ) -> None:
        """Insert a webhook.

        Raises:
            Conflict: The slug is taken.
        """
        await self._write(
            _QUERIES["insert"], tenant_id, webhook_id, *_columns(settings), created_by
        )

    async def update(self, tenant_id: UUID, webhook_id: UUID, settings: WebhookSettings) -> None:
        """Replace a webhook's settings.

        Raises:
            Conflict: The slug is taken.
        """
        await self._write(_QUERIES["update"], tenant_id, webhook_id, *_columns(settings))

    async def switch(self, tenant_id: UUID, webhook_id: UUID, *, is_active: bool) -> None:
        """Enable or disable a webhook; enabling lifts an automatic stop."""
        await self._connection.execute(_QUERIES["switch"], tenant_id, webhook_id, is_active)

    async def list_slugs(self, tenant_id: UUID, *, prefix: str) -> list[str]:
        """Return the slugs in use that begin with a text of letters, digits and hyphens."""
        rows = await self._connection.fetch(_QUERIES["list_slugs"], tenant_id, prefix)
        return [row["slug"] for row in rows]

    async def touch(self, tenant_id: UUID, webhook_id: UUID) -> None:
        """Give a webhook a new version after a change of its secrets."""
        await self._connection.execute(_QUERIES["touch"], tenant_id, webhook_id)

    async def delete(self, tenant_id: UUID, webhook_id: UUID) -> None:
        """Mark a webhook as deleted.

        Raises:
            NotFound: It is not this tenant's, or already deleted.
        """
        tag = await self._connection.execute(_QUERIES["delete"], tenant_id, webhook_id)
        if tag == "UPDATE 0":
            raise NotFound(f"there is no webhook {webhook_id}")

    async def lock(self, tenant_id: UUID, webhook_id: UUID) -> StoredWebhook:
        """Return a webhook, held against other changes until the transaction ends.

        Raises:
            NotFound: It is not this tenant's, or deleted.
        """
        await self._connection.execute(_QUERIES["lock"], tenant_id, webhook_id)
        return await self.get(tenant_id, webhook_id)

    async def get(self, tenant_id: UUID, webhook_id: UUID) -> StoredWebhook:
        """Return a webhook.

        Raises:
            NotFound: It is not this tenant's, or deleted.
        """
        webhook = await self.find(tenant_id, webhook_id)
        if webhook is None or webhook.deleted_at is not None:
            raise NotFound(f"there is no webhook {webhook_id}")
        return webhook

    async def find(self, tenant_id: UUID, webhook_id: UUID) -> StoredWebhook | None:
        """Return a webhook, even a deleted one."""
        row = await self._connection.fetchrow(_QUERIES["find"], tenant_id, webhook_id)
        return None if row is None else _stored(row)

    async def list_by_ids(
        self, tenant_id: UUID, webhook_ids: Sequence[UUID]
    ) -> list[StoredWebhook]:
        """Return webhooks in the order of their ids' list, even deleted ones."""
        rows = await self._connection.fetch(_QUERIES["list_by_ids"], tenant_id, webhook_ids)
        found = {row["webhook_id"]: _stored(row) for row in rows}
        return [found[webhook_id] for webhook_id in webhook_ids if webhook_id in found]

    async def _write(self, query: LiteralString, *arguments: object) -> None:
        try:
            await self._connection.execute(query, *arguments)
        except asyncpg.UniqueViolationError as error:
            raise Conflict("another webhook of this tenant has this slug") from error


def _columns(settings: WebhookSettings) -> tuple[object, ...]:
    """Return the values in the order of $3 to $15 of ``insert`` and ``update``."""
    return (
        settings.name,
        settings.slug,
        settings.description,
        settings.auth_type,
        _json(settings.auth_config),
        _json(settings.idempotency_source),
        settings.idempotency_window_seconds,
        settings.handler_type,
        _json(settings.handler_config),
        settings.rate_limit_per_minute,
        settings.is_active,
        _json(settings.retry_policy),
        _json(settings.ordering),
    )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _parsed(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def _stored(row: asyncpg.Record) -> StoredWebhook:
    return StoredWebhook(
        tenant_id=TenantId(row["tenant_id"]),
        tenant_slug=row["tenant_slug"],
        webhook_id=WebhookId(row["webhook_id"]),
        settings=WebhookSettings(
            name=row["name"],
            slug=row["slug"],
            description=row["description"],
            auth_type=row["auth_type"],
            auth_config=orjson.loads(row["auth_config"]),
            idempotency_source=_parsed(row["idempotency_source"]),
            idempotency_window_seconds=row["idempotency_window_seconds"],
            handler_type=row["handler_type"],
            handler_config=orjson.loads(row["handler_config"]),
            rate_limit_per_minute=row["rate_limit_per_minute"],
            is_active=row["is_active"],
            retry_policy=_parsed(row["retry_policy"]),
            ordering=_parsed(row["ordering"]),
        ),
        auto_disabled_at=row["auto_disabled_at"],
        sample_armed=row["sample_armed"],
        sample_expires_at=row["sample_expires_at"],
        version=row["version"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
    )
