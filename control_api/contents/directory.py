"""Clients, assets and external mappings in answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content
from shared.ledger.mappings import SyncStatus


class Client(Content):
    """A client."""

    client_id: UUID
    name: str = Field(examples=["Contoso"])
    is_inactive: bool
    created_at: datetime
    updated_at: datetime


class AssetSummary(Content):
    """An asset without the snapshot that was last received for it."""

    asset_id: UUID
    client_id: UUID | None
    client_name: str | None = Field(examples=["Contoso"])
    asset_type: str | None = Field(examples=["workstation"])
    name: str = Field(examples=["front-desk"])
    asset_tag: str | None = Field(examples=["A-17"])
    serial_number: str | None = Field(examples=["5CD1234XYZ"])
    status: str | None = Field(examples=["active"])
    location: str | None = Field(examples=["Reception"])
    is_inactive: bool
    agent_status: str | None = Field(examples=["online"])
    last_seen_at: datetime | None
    rmm_provider: str | None = Field(examples=["tacticalrmm"])
    rmm_scope: str | None = Field(examples=["main"])
    created_at: datetime
    updated_at: datetime


class Asset(AssetSummary):
    """An asset."""

    rmm_snapshot: Any = Field(examples=[{"hostname": "front-desk"}])


class ExternalMapping(Content):
    """What an external id stands for, for one webhook."""

    entity_type: str = Field(examples=["asset"])
    external_id: str = Field(examples=["d-17"])
    realm: str = Field(examples=["main"])
    entity_id: UUID
    sync_status: SyncStatus = Field(
        description="error: the sender has told that the entity is gone, and not that it is back."
    )
    delivery_id: UUID | None = Field(
        description="The delivery that last wrote it; null: an admin did."
    )
    created_at: datetime
    updated_at: datetime
