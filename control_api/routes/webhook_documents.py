"""Export and import of all webhooks as one document."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from control_api.access import Importer, LargeJsonBody, Provided, Reader
from control_api.answers import data, document
from control_api.auditing import audit
from control_api.contents.envelope import Data
from control_api.contents.webhook_documents import Import, WebhookDocument
from control_api.documentation import documented
from control_api.permissions import Permission
from control_api.webhook_changes import WebhookChanges
from control_api.webhook_document import document_of, parse_document
from control_api.webhook_import import apply_plan, plan_content, plan_import
from control_api.webhook_input import find_catalogue
from shared.ledger.webhook_documents import WebhookDocuments

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["inbound webhooks"])


class ImportQuery(BaseModel):
    """How a document is imported."""

    model_config = ConfigDict(extra="forbid")

    #: ``plan`` tells what would be done, ``apply`` does it.
    mode: Literal["plan", "apply"] = "plan"
    #: Whether webhooks that the document lacks are deleted.
    prune: bool = False


@router.get("/export")
@documented(
    answer=WebhookDocument, headers={"Content-Disposition": "A name for the document as a file."}
)
async def export(services: Provided, caller: Reader) -> Response:
    """Return all webhooks as one document without secrets, always in the same order."""
    async with services.transaction(caller) as connection:
        webhooks = await WebhookDocuments(connection).list_all(caller.tenant_id)
    return document(document_of(webhooks), filename="webhooks.json")


@router.post("/import")
@documented(
    answer=Data[Import],
    body=WebhookDocument,
    faults={409: "somebody else has just taken the slug of a webhook to create"},
)
async def import_document(
    services: Provided,
    caller: Importer,
    *,
    wanted: Annotated[ImportQuery, Query()],
    body: LargeJsonBody,
) -> Response:
    """Tell what a document would change, or change it: all of it in one transaction, or nothing.

    Webhooks are matched by slug. Secrets of new ones are in this answer alone. Pruning needs the
    permission to delete.
    """
    if wanted.prune:
        caller.demand(Permission.DELETE)
    is_applied = wanted.mode == "apply"
    async with services.transaction(caller) as connection:
        documents = WebhookDocuments(connection)
        catalogue = await find_catalogue(connection)
        entries = await parse_document(body, catalogue, services.expression_checks)
        if is_applied:
            await documents.lock_all(caller.tenant_id)
        present = await documents.list_all(caller.tenant_id)
        plan = plan_import(present, entries, prunes=wanted.prune)
        if is_applied:
            await apply_plan(plan, WebhookChanges(connection, caller, services.keyring))
            content = plan_content(plan, is_applied=True)
            await audit(
                connection, caller, "webhooks.imported", "webhooks:all", details=content["counts"]
            )
        else:
            content = plan_content(plan, is_applied=False)
    return data(content)
