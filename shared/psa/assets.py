"""Assets of the PSA store."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.database.queries import Queries
from shared.errors import NotFound
from shared.psa.store import Store

_QUERIES = Queries(__package__, "assets.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetValues:
    """The columns of an asset that an upsert may write, with what a new one starts with."""

    client_id: UUID | None = None
    asset_type: str = "unknown"
    name: str
    asset_tag: str | None = None
    serial_number: str | None = None
    status: str = "active"
    location: str | None = None
    is_inactive: bool = False
    agent_status: str | None = None
    last_seen_at: datetime | None = None
    rmm_provider: str | None = None
    rmm_scope: str | None = None
    #: JSON text.
    rmm_snapshot: str | None = None


_COLUMNS = tuple(item.name for item in fields(AssetValues))


@dataclass(frozen=True, slots=True)
class UpsertedAsset:
    """What an upsert left."""

    name: str
    created: bool


class Assets:
    """Writes assets on a delivery's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def upsert(
        self, asset_id: UUID, *, values: AssetValues, mentioned: Collection[str]
    ) -> UpsertedAsset:
        """Create an asset from all values, or change the mentioned columns of the one there is.

        Raises:
            NotFound: The tenant has no such client. The transaction can then only be rolled back.
        """
        try:
            row = await self._store.connection.fetchrow(
                _QUERIES["upsert"],
                self._store.tenant_id,
                asset_id,
                list(mentioned),
                *(getattr(values, column) for column in _COLUMNS),
                self._store.delivery_id,
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise NotFound(f"there is no client {values.client_id}") from error
        assert row is not None  # noqa: S101 - an upsert always returns its row
        return UpsertedAsset(name=row["name"], created=row["created"])
