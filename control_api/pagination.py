"""Keyset pages: newest first, by ids that are ordered by time, with an opaque cursor."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

DEFAULT_LIMIT = 25
MAX_LIMIT = 100
_VERSION = b"\x01"

Item = TypeVar("Item")


def encode_cursor(last: UUID) -> str:
    """Return the cursor that continues after the item with this id."""
    return base64.urlsafe_b64encode(_VERSION + last.bytes).decode().rstrip("=")


def decode_cursor(cursor: str) -> UUID:
    """Return the id in a cursor.

    Raises:
        ValueError: It is none of ours.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    if len(raw) != 17 or raw[:1] != _VERSION:
        raise ValueError("of another form")
    return UUID(bytes=raw[1:])


def _check_cursor(cursor: str) -> str:
    try:
        decode_cursor(cursor)
    except ValueError:
        raise PydanticCustomError(
            "cursor", "Take cursors from meta.next_cursor of an earlier answer"
        ) from None
    return cursor


class PageQuery(BaseModel):
    """The query parameters of every list; a misspelt one is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: Annotated[str, AfterValidator(_check_cursor)] | None = None

    @property
    def after(self) -> UUID | None:
        """Return the id after which the page begins."""
        return None if self.cursor is None else decode_cursor(self.cursor)

    @property
    def probe(self) -> int:
        """Return how many rows to ask for: one more, to learn whether there is a next page."""
        return self.limit + 1


Page = Annotated[PageQuery, Query()]


def page_content(
    found: Sequence[Item],
    query: PageQuery,
    *,
    key: Callable[[Item], UUID],
    present: Callable[[Item], Any],
) -> dict[str, Any]:
    """Return ``{"data", "meta"}`` from up to ``query.probe`` items."""
    shown = found[: query.limit]
    more = len(found) > query.limit
    return {
        "data": [present(item) for item in shown],
        "meta": {
            "next_cursor": encode_cursor(key(shown[-1])) if more else None,
            "limit": query.limit,
        },
    }
