"""What webhooks can be made of: what live workers run, auth types, presets."""

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import Provided, Reader
from control_api.answers import data
from control_api.auth_bodies import AUTH_BODIES, AuthBody
from control_api.contents.catalog import Action, AnnouncedWorkflow, AuthType, Preset
from control_api.contents.envelope import Data
from control_api.documentation import documented
from control_api.presets import preset_content
from shared.ledger.catalog_entries import CatalogEntries
from shared.signatures.presets import PRESETS

_AUTH_TYPES = {
    "hmac_sha256": "A header carries the HMAC-SHA256 of the raw body under the secret, in hex, "
    "with or without sha256= before it.",
    "bearer": "Authorization carries the secret as a bearer token.",
    "ip_allowlist": "The request comes from one of the networks; there is no secret.",
    "path_token": "A parameter of the query carries the secret.",
    "signature": "The request is signed as a known sender signs it: see the presets, which have "
    "the options, too.",
}

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


@router.get("/auth-types")
@documented(answer=Data[list[AuthType]])
async def list_auth_types(_: Reader) -> Response:
    """List auth types with what their auth_config may hold."""
    return data(
        [
            {
                "name": name,
                "description": _AUTH_TYPES[name],
                "has_secret": issubclass(body, AuthBody),
                "config_schema": body.model_json_schema(),
            }
            for name, body in AUTH_BODIES.items()
        ]
    )


@router.get("/presets")
@documented(answer=Data[list[Preset]])
async def list_presets(_: Reader) -> Response:
    """List the settings for known senders, by name."""
    return data([preset_content(preset) for preset in PRESETS.values()])
