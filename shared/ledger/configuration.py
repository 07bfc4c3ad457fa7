"""Webhooks as gateway and worker read them: typed, current, with sealed secrets."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import SecretId, TenantId, WebhookId
from shared.domain.retry import retry_policy_from_config
from shared.domain.webhook import (
    Webhook,
    auth_from_config,
    handler_from_config,
    idempotency_from_config,
    ordering_from_config,
)

_QUERIES = Queries(__package__, "configuration.sql")

#: What reading a stored configuration raises where it is not of the expected form.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """One secret of a webhook as stored, with the time in which it counts."""

    secret_id: SecretId
    sealed: bytes
    valid_from: datetime
    #: None: until replaced.
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class ConfiguredWebhook:
    """A webhook with its secrets, newest first."""

    webhook: Webhook
    secrets: Sequence[SealedSecret]


@dataclass(frozen=True, slots=True)
class UnreadableWebhook:
    """A webhook whose stored configuration makes no sense."""

    webhook_id: WebhookId
    reason: str


class Configuration:
    """Reads webhooks on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def horizon(self) -> str:
        """Return a mark such that a later ``list_changed`` from it misses nothing.

        Take it before listing: a transaction that ends between the two is then listed now or next
        time, never lost.
        """
        following: str = await self._connection.fetchval(_QUERIES["horizon"])
        return following

    async def list_changed(
        self, horizon: str
    ) -> AsyncIterator[ConfiguredWebhook | UnreadableWebhook]:
        """Yield webhooks changed since ``horizon`` ('0' for all), deleted and inactive ones too.

        Rows come through a cursor, so that ten thousand webhooks need no memory for all at once,
        and few at a time, so that their reader's event loop turns in between.
        """
        async with self._connection.transaction():
            async for row in self._connection.cursor(
                _QUERIES["list_changed"], horizon, prefetch=50
            ):
                yield _configured_from_row(row)

    async def find_webhook(self, tenant_id: UUID, webhook_id: UUID) -> Webhook | None:
        """Return a webhook's current configuration, or None when it is gone."""
        row = await self._connection.fetchrow(_QUERIES["find_webhook"], tenant_id, webhook_id)
        return None if row is None else webhook_from_row(row)


def _configured_from_row(row: asyncpg.Record) -> ConfiguredWebhook | UnreadableWebhook:
    try:
        webhook = webhook_from_row(row)
    except UNREADABLE as error:
        return UnreadableWebhook(WebhookId(row["webhook_id"]), repr(error))
    secrets = [SealedSecret(SecretId(s[0]), s[1], s[2], s[3]) for s in row["secrets"]]
    return ConfiguredWebhook(webhook, secrets)


def webhook_from_row(row: asyncpg.Record) -> Webhook:
    """Build the typed form of a row of ``postern.webhooks`` joined with its tenant's slug."""
    return Webhook(
        tenant_id=TenantId(row["tenant_id"]),
        webhook_id=WebhookId(row["webhook_id"]),
        tenant_slug=row["tenant_slug"],
        slug=row["slug"],
        auth=auth_from_config(row["auth_type"], orjson.loads(row["auth_config"])),
        idempotency=idempotency_from_config(_config(row["idempotency_source"])),
        idempotency_window_seconds=row["idempotency_window_seconds"],
        handler=handler_from_config(row["handler_type"], orjson.loads(row["handler_config"])),
        rate_limit_per_minute=row["rate_limit_per_minute"],
        is_active=row["is_active"],
        version=row["version"],
        retry_policy=retry_policy_from_config(_config(row["retry_policy"])),
        ordering=ordering_from_config(_config(row["ordering"])),
    )


def _config(text: str | None) -> dict[str, Any] | None:
    config: dict[str, Any] | None = None if text is None else orjson.loads(text)
    return config
