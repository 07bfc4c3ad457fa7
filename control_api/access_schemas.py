"""The bodies of keys and tenants."""

from typing import Annotated, Literal

from pydantic import Field

from control_api.moments import Moment
from control_api.schemas import Body, Name, Slug

MAX_REQUESTS_PER_MINUTE = 60_000

PermissionName = Literal["create", "read", "update", "delete", "replay", "admin"]


class ApiKeyBody(Body):
    """What may be set of an API key."""

    name: Name
    permissions: list[PermissionName] = Field(min_length=1, max_length=6)
    #: None: never. Times without a zone are UTC.
    expires_at: Annotated[Moment, Field(strict=False)] | None = None
    #: None: no limit.
    rate_limit_per_minute: int | None = Field(default=None, ge=1, le=MAX_REQUESTS_PER_MINUTE)


class TenantBody(Body):
    """A new tenant."""

    slug: Slug
    name: Name


class TenantChangeBody(Body):
    """What may be changed of a tenant; what is left out stays."""

    name: Name | None = None
    is_active: bool | None = None


class FirstKeyBody(Body):
    """A key with every permission, for a tenant that has none or has lost it."""

    name: Name = "made by an operator"
