"""What live workers can run."""

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Provided, Reader
from control_api.answers import data
from control_api.contents.catalog import Action, AnnouncedWorkflow
from control_api.contents.envelope import Data
from control_api.documentation import documented
from shared.ledger.catalog_entries import CatalogEntries

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["catalogue"])


@router.get("/actions")
@documented(answer=Data[list[Action]])
async def list_actions(services: Provided, caller: Reader) -> Response:
    """List actions with their target fields, by entity type, then name."""
    async with services.transaction(caller) as connection:
        entries = await CatalogEntries(connection).list_actions()
    return data(
        [
            {**entry.definition, "name": entry.name, "entity_type": entry.entity_type}
            for entry in entries
        ]
    )


@router.get("/workflows")
@documented(answer=Data[list[AnnouncedWorkflow]])
async def list_workflows(services: Provided, caller: Reader) -> Response:
    """List workflows with what they take as a body, by name."""
    async with services.transaction(caller) as connection:
        entries = await CatalogEntries(connection).list_workflows()
    return data([{**entry.definition, "name": entry.name} for entry in entries])
