"""Clients and assets, as far as an admin needs them to see what webhooks did."""

from uuid import UUID

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Creator, JsonBody, Provided, Reader
from control_api.answers import answer, data
from control_api.auditing import audit
from control_api.contents import envelope
from control_api.contents.directory import Asset, AssetSummary, Client
from control_api.documentation import documented
from control_api.faults import validated
from control_api.pagination import Page, page_content
from control_api.schemas import ClientBody
from shared.domain.identifiers import uuid7
from shared.psa.directory import Directory

router = APIRouter(prefix="/api/v1", tags=["clients and assets"])


@router.post("/clients", status_code=201)
@documented(
    answer=envelope.Data[Client],
    body=ClientBody,
    faults={409: "another client has this name"},
)
async def create_client(services: Provided, caller: Creator, body: JsonBody) -> Response:
    """Create a client."""
    wanted = validated(ClientBody, body)
    client_id = uuid7()
    async with services.transaction(caller) as connection:
        client = await Directory(connection).insert_client(
            caller.tenant_id, client_id=client_id, name=wanted.name
        )
        await audit(
            connection,
            caller,
            "client.created",
            f"client:{client_id}",
            after={"name": wanted.name},
        )
    return data(client, status=201)


@router.get("/clients")
@documented(answer=envelope.Page[Client])
async def list_clients(services: Provided, caller: Reader, page: Page) -> Response:
    """List clients, newest first."""
    async with services.transaction(caller) as connection:
        found = await Directory(connection).list_clients(
            caller.tenant_id, after=page.after, limit=page.probe
        )
    return answer(page_content(found, page, key=lambda row: row["client_id"], present=dict))


@router.get("/assets")
@documented(answer=envelope.Page[AssetSummary])
async def list_assets(services: Provided, caller: Reader, page: Page) -> Response:
    """List assets with their client's name, newest first."""
    async with services.transaction(caller) as connection:
        found = await Directory(connection).list_assets(
            caller.tenant_id, after=page.after, limit=page.probe
        )
    return answer(page_content(found, page, key=lambda row: row["asset_id"], present=dict))


@router.get("/assets/{asset_id}")
@documented(answer=envelope.Data[Asset])
async def get_asset(services: Provided, caller: Reader, asset_id: UUID) -> Response:
    """Get an asset with the snapshot that was last received for it."""
    async with services.transaction(caller) as connection:
        asset = dict(await Directory(connection).get_asset(caller.tenant_id, asset_id))
    snapshot = asset["rmm_snapshot"]
    asset["rmm_snapshot"] = None if snapshot is None else orjson.Fragment(snapshot)
    return data(asset)
