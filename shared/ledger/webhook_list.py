"""Lists of webhooks, filtered and in several orders: their ids, so that a page alone is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import LiteralString
from uuid import UUID

from shared.database.pool import Connection
from shared.database.queries import Queries

_QUERIES = Queries(__package__, "webhook_list.sql")

#: By what a list may be sorted; a hyphen in front turns the order round.
ORDERS: Mapping[str, LiteralString] = MappingProxyType(
    {
        "name": _QUERIES["list_by_name"],
        "-name": _QUERIES["list_by_name_descending"],
        "created_at": _QUERIES["list_by_created"],
        "-created_at": _QUERIES["list_by_created_descending"],
        "updated_at": _QUERIES["list_by_updated"],
        "-updated_at": _QUERIES["list_by_updated_descending"],
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFilter:
    """Which webhooks are meant; None leaves a condition out."""

    #: Any part of the name, whatever its case.
    name: str | None = None
    slug: str | None = None
    auth_type: str | None = None
    handler_type: str | None = None
    action: str | None = None
    workflow: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list: what it is sorted by, and the id among those that are equal there."""

    value: str | datetime
    webhook_id: UUID


class WebhookList:
    """Lists webhooks on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list_ids(
        self,
        tenant_id: UUID,
        wanted: WebhookFilter,
        *,
        order: str,
        after: Place | None,
        limit: int,
    ) -> list[UUID]:
        """Return the ids of webhooks that are not deleted; ``order`` is one of ``ORDERS``."""
        rows = await self._connection.fetch(
            ORDERS[order],
            tenant_id,
            None if after is None else after.value,
            None if after is None else after.webhook_id,
            limit,
            wanted.name,
            wanted.slug,
            wanted.auth_type,
            wanted.handler_type,
            wanted.action,
            wanted.workflow,
            wanted.is_active,
        )
        return [row["webhook_id"] for row in rows]
