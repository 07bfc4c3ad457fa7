"""What external ids stand for, by webhook."""

from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import JsonBody, Provided, Reader, Updater
from control_api.answers import data
from control_api.auditing import audit
from control_api.contents.directory import ExternalMapping
from control_api.contents.envelope import Data
from control_api.documentation import documented
from control_api.faults import summary, validated
from control_api.schemas import ExternalMappingBody
from shared.database.pool import Connection
from shared.domain.identifiers import TenantId
from shared.errors import Fault, InvalidInput
from shared.ledger.mapping_admin import ExternalKey, MappingAdmin
from shared.ledger.webhooks import Webhooks
from shared.psa.directory import ENTITY_TYPES, Directory

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["external mappings"])

_MAX_LISTED = 1000


@router.get("/{webhook_id}/external-mappings")
@documented(answer=Data[list[ExternalMapping]])
async def list_mappings(services: Provided, caller: Reader, webhook_id: UUID) -> Response:
    """List the first thousand mappings of a webhook, by entity type and external id."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).get(caller.tenant_id, webhook_id)
        found = await MappingAdmin(connection).list_page(
            caller.tenant_id, webhook_id, limit=_MAX_LISTED
        )
    return data([asdict(mapping) for mapping in found])


@router.put("/{webhook_id}/external-mappings")
@documented(answer=Data[ExternalMapping], body=ExternalMappingBody)
async def upsert(
    services: Provided, caller: Updater, webhook_id: UUID, body: JsonBody
) -> Response:
    """Let an external id stand for a client or an asset."""
    wanted = validated(ExternalMappingBody, body)
    async with services.transaction(caller) as connection:
        await Webhooks(connection).get(caller.tenant_id, webhook_id)
        await _check_entity(connection, caller.tenant_id, wanted)
        mappings = MappingAdmin(connection)
        key = ExternalKey(wanted.entity_type, wanted.external_id, wanted.realm)
        before = await mappings.lock(caller.tenant_id, webhook_id, key)
        mapping = await mappings.upsert(
            caller.tenant_id, webhook_id, key, entity_id=wanted.entity_id
        )
        await audit(
            connection,
            caller,
            "mapping.set",
            f"webhook:{webhook_id}",
            details=asdict(key),
            before=None if before is None else {"entity_id": before.entity_id},
            after={"entity_id": mapping.entity_id},
        )
    return data(asdict(mapping))


async def _check_entity(
    connection: Connection, tenant_id: TenantId, wanted: ExternalMappingBody
) -> None:
    kind = wanted.entity_type
    if kind not in ENTITY_TYPES:
        choices = ", ".join(sorted(ENTITY_TYPES))
        fault = Fault("entity_type", "one_of", f"Mappings are for these types: {choices}", kind)
        raise InvalidInput(summary([fault]), faults=[fault])
    if not await Directory(connection).exists(tenant_id, kind, wanted.entity_id):
        fault = Fault("entity_id", "exists", f"There is no {kind} of this id", wanted.entity_id)
        raise InvalidInput(summary([fault]), faults=[fault])
