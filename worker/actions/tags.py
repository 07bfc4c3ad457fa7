"""The action that tags entities."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.domain.identifiers import uuid7
from shared.psa.tags import NewTag, Tags
from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import ActionFields, ExternalId, Lookup, Name, ShortText, UserRef
from worker.actions.lookup import external_id_miss, reference_fault
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject


class AddTag(ActionFields):
    """A tag."""

    entity_type: Literal["client", "contact", "ticket", "project", "project_task"] = Field(
        description="What is tagged."
    )
    external_id: Annotated[
        ExternalId, Lookup(on_found="update", on_missing="reject", entity_type_field="entity_type")
    ] = Field(description="The sender's id of the entity.")
    tag_text: Annotated[Name, StringConstraints(max_length=50)] = Field(
        description="The text; case does not matter."
    )
    background_color: ShortText | None = Field(None, description="Of a new tag.")
    text_color: ShortText | None = Field(None, description="Of a new tag.")
    created_by: UserRef | None = Field(None, description="The user who tagged it.")


@action(
    "addTagToEntityByExternalId",
    entity_type="tag",
    display_name="Add Tag to Entity by External ID",
    description="Tag the client, contact, ticket, project or project task that the external id "
    "stands for. One that has the tag already stays as it is.",
)
async def add_tag(ctx: ActionContext, fields: AddTag) -> ActionOutcome:
    """Tag an entity."""
    entity_id = await _tagged(ctx, fields)
    if isinstance(entity_id, Reject):
        return entity_id
    tag = NewTag(
        tag_id=uuid7(),
        tag_mapping_id=uuid7(),
        tag_text=fields.tag_text,
        background_color=fields.background_color,
        text_color=fields.text_color,
        created_by=fields.created_by,
    )
    attached = await Tags(ctx.store).attach(fields.entity_type, entity_id, tag)
    return ActionResult(
        entity_type=fields.entity_type,
        entity_id=entity_id,
        external_id=fields.external_id,
        message="tag added" if attached.created else "tag was there",
        metadata={
            "tag_id": str(attached.tag_id),
            "tag_mapping_id": str(attached.tag_mapping_id),
            "tag_text": attached.tag_text,
            "created": attached.created,
        },
    )


async def _tagged(ctx: ActionContext, fields: AddTag) -> UUID | Reject:
    """Return the entity, which is there, as are all others that the fields refer to."""
    entity_id = await ctx.mappings.find(ctx.external_key(fields.entity_type, fields.external_id))
    if entity_id is None:
        return external_id_miss(
            ctx,
            field="external_id",
            entity_type=fields.entity_type,
            external_id=fields.external_id,
        )
    entity = {"external_id": (fields.entity_type, entity_id)}
    return await reference_fault(ctx, fields, entity) or entity_id
