"""Tags of the PSA store."""

from dataclasses import dataclass
from uuid import UUID

from shared.database.queries import Queries
from shared.psa.store import Store

_QUERIES = Queries(__package__, "tags.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTag:
    """A tag, as it is made where there is none of its text for its type of entity."""

    tag_id: UUID
    tag_mapping_id: UUID
    tag_text: str
    background_color: str | None
    text_color: str | None
    created_by: UUID | None


@dataclass(frozen=True, slots=True)
class AttachedTag:
    """A tag on an entity."""

    tag_id: UUID
    #: As it was first written.
    tag_text: str
    tag_mapping_id: UUID
    #: Whether the entity did not have it before.
    created: bool


class Tags:
    """Writes tags on a delivery's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def attach(self, entity_type: str, entity_id: UUID, tag: NewTag) -> AttachedTag:
        """Attach a tag to an entity, unless it has one of that text in whatever case."""
        row = await self._store.find(
            _QUERIES["attach"],
            entity_type,
            entity_id,
            tag.tag_id,
            tag.tag_mapping_id,
            tag.tag_text,
            tag.background_color,
            tag.text_color,
            tag.created_by,
            self._store.delivery_id,
        )
        return AttachedTag(**(row or {}))
