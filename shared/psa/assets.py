"""Assets of the PSA store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from uuid import UUID

import asyncpg

from shared.database.pool import Connection
from shared.database.queries import Queries
from shared.domain.identifiers import DeliveryId, TenantId
from shared.errors import NotFound

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


_values_of = attrgetter(*(item.name for item in fields(AssetValues)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetUpsert:
    """An asset as a delivery wants it."""

    asset_id: UUID
    #: What a new one is made of.
    values: AssetValues
    #: The columns that one that exists is given; it keeps the others.
    mentioned: Collection[str]
    delivery_id: DeliveryId


@dataclass(frozen=True, slots=True)
class UpsertedAsset:
    """What an upsert left."""

    name: str
    created: bool


class Assets:
    """Writes assets on a transaction of deliveries of one tenant."""

    def __init__(self, connection: Connection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def upsert(self, wanted: Sequence[AssetUpsert]) -> list[UpsertedAsset]:
        """Create or change assets, each named once; return what is left of each, in order.

        Raises:
            NotFound: The tenant has not all of the clients. The transaction can then only be
                rolled back.
        """
        columns = zip(*(_values_of(one.values) for one in wanted), strict=True)
        try:
            rows = await self._connection.fetch(
                _QUERIES["upsert"],
                self._tenant_id,
                [one.asset_id for one in wanted],
                [f",{','.join(one.mentioned)}," for one in wanted],
                *columns,
                [one.delivery_id for one in wanted],
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise NotFound(f"there is no such client: {error.detail}") from error
        upserted = {row["asset_id"]: UpsertedAsset(row["name"], row["created"]) for row in rows}
        return [upserted[one.asset_id] for one in wanted]
