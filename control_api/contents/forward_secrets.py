"""What signs a webhook's forwards, in answers."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from control_api.contents.envelope import Content


class ForwardSecret(Content):
    """A secret that signs, without itself."""

    secret_id: UUID
    origin: Literal["webhook", "workers"] = Field(
        description="Whether it is the webhook's own, or made of the workers' for an overlap."
    )
    created_at: datetime
    valid_until: datetime | None = Field(description="Null: until it is replaced.")
