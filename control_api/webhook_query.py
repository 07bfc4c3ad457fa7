"""The query of a list of webhooks, and cursors that know in which order they count."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Query
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from control_api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from shared.domain.webhook import AuthTypeName
from shared.ledger.webhook_list import Place, WebhookFilter
from shared.ledger.webhooks import StoredWebhook

Sort = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]


class WebhookQuery(BaseModel):
    """Which webhooks to list, and in which order; a misspelt parameter is refused."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    #: A hyphen in front turns the order round.
    sort: Sort = "-created_at"
    cursor: str | None = None
    #: Any part of the name, whatever its case.
    name: _Text | None = None
    slug: _Text | None = None
    auth_type: AuthTypeName | None = None
    handler_type: Literal["direct_action", "workflow"] | None = None
    action: _Text | None = None
    workflow: _Text | None = None
    is_active: bool | None = None

    @field_validator("cursor")
    @classmethod
    def _fits_order(cls, cursor: str | None, info: ValidationInfo) -> str | None:
        if cursor is not None and "sort" in info.data:
            decode_place(cursor, info.data["sort"])
        return cursor

    def filter(self) -> WebhookFilter:
        """Return the conditions."""
        return WebhookFilter(
            name=self.name,
            slug=self.slug,
            auth_type=self.auth_type,
            handler_type=self.handler_type,
            action=self.action,
            workflow=self.workflow,
            is_active=self.is_active,
        )

    @property
    def after(self) -> Place | None:
        """Return the place after which the page begins."""
        return None if self.cursor is None else decode_place(self.cursor, self.sort)

    @property
    def probe(self) -> int:
        """Return how many to ask for: one more, to learn whether there is a next page."""
        return self.limit + 1


Wanted = Annotated[WebhookQuery, Query()]


def encode_place(webhook: StoredWebhook, sort: str) -> str:
    """Return the cursor that continues after a webhook, in this order alone."""
    value: str | datetime = webhook.settings.name
    match sort.removeprefix("-"):
        case "created_at":
            value = webhook.created_at
        case "updated_at":
            value = webhook.updated_at
        case _:
            pass
    raw = orjson.dumps([sort, value, str(webhook.webhook_id)])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_place(cursor: str, sort: str) -> Place:
    """Return the place in a cursor.

    Raises:
        PydanticCustomError: It is none of ours, or counts in another order.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        of_sort, value, webhook_id = orjson.loads(raw)
        place = Place(_value(value, of_sort), UUID(webhook_id))
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise PydanticCustomError(
            "cursor", "Take cursors from meta.next_cursor of an earlier answer"
        ) from None
    if of_sort != sort:
        raise PydanticCustomError(
            "cursor", "This cursor counts in the order {sort}; ask for that", {"sort": of_sort}
        )
    return place


def _value(value: str, sort: str) -> str | datetime:
    if sort.removeprefix("-") != "name":
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("without a zone")
        return moment
    if "\x00" in value:
        raise ValueError("not a name")
    return value


def webhook_page(
    found: Sequence[StoredWebhook], wanted: WebhookQuery, shown: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return ``{"data", "meta"}``; where more was found than is shown, there is a next page."""
    more = len(found) > len(shown)
    return {
        "data": shown,
        "meta": {
            "next_cursor": encode_place(found[len(shown) - 1], wanted.sort) if more else None,
            "limit": wanted.limit,
        },
    }
