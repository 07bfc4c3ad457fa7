"""API keys and tenants in answers."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content


class ApiKey(Content):
    """An API key without its text."""

    api_key_id: UUID
    key_prefix: str = Field(
        description="The first characters, by which people tell keys apart.",
        examples=["pst_R0cM2mV3"],
    )
    name: str = Field(examples=["deployment"])
    permissions: list[str] = Field(examples=[["read", "update"]])
    expires_at: datetime | None = Field(description="null: never.")
    rate_limit_per_minute: int | None = Field(description="null: no limit.", examples=[600])
    is_active: bool = Field(description="False once it is revoked.")
    created_by: str | None = Field(
        description="The actor, as in the audit trail.",
        examples=["api_key:01890000-0000-7000-8000-000000000001"],
    )
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute; null: never.")
    revoked_at: datetime | None


class FirstKey(Content):
    """A key that an operator made for a tenant."""

    api_key_id: UUID
    name: str = Field(examples=["made by an operator"])


class Tenant(Content):
    """A tenant."""

    tenant_id: UUID
    slug: str = Field(description="Leads its receivers' addresses.", examples=["acme"])
    name: str = Field(examples=["Acme Ltd"])
    is_active: bool = Field(description="False: keys and senders are refused.")
    created_at: datetime
    updated_at: datetime
