"""Samples: wait for a real request, keep it, look at what is in it."""

from dataclasses import asdict
from uuid import UUID

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import JsonBody, Provided, Reader, Updater
from control_api.answers import data, no_content
from control_api.auditing import audit
from control_api.contents.envelope import Data
from control_api.contents.samples import NamedSample, SampleSummary, SampleTree
from control_api.contents.webhooks import Webhook
from control_api.documentation import documented
from control_api.faults import validated
from control_api.presentation import sample_content
from control_api.sample_paths import sample_tree
from control_api.schemas import CaptureBody, SampleNameBody
from control_api.webhook_view import webhook_answer
from shared.database.pool import Connection
from shared.errors import Conflict
from shared.ledger.samples import Samples
from shared.ledger.webhooks import Webhooks

router = APIRouter(prefix="/api/v1/inbound-webhooks", tags=["samples"])

#: Samples with a name that one webhook may have.
MAX_NAMED_SAMPLES = 20
_TOO_MANY = {409: "the webhook has as many named samples as it may, or one of this name"}


@router.post("/{webhook_id}/capture-sample")
@documented(answer=Data[Webhook], body=CaptureBody, faults=_TOO_MANY)
async def arm(services: Provided, caller: Updater, webhook_id: UUID, body: JsonBody) -> Response:
    """Keep the next accepted request of the coming time, in place of the sample of that name.

    Without a name, the sample without one goes at once.
    """
    wanted = validated(CaptureBody, body)
    async with services.transaction(caller) as connection:
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        if wanted.name is not None:
            await _check_room(connection, caller.tenant_id, webhook_id, name=wanted.name)
        await Samples(connection).arm(
            caller.tenant_id,
            webhook_id,
            window_seconds=wanted.window_seconds,
            name=wanted.name,
        )
        details = wanted.model_dump()
        await audit(connection, caller, "sample.armed", f"webhook:{webhook_id}", details=details)
        view = await services.view(connection, caller, webhook_id)
    return webhook_answer(view)


@router.delete("/{webhook_id}/capture-sample")
@documented(answer=Data[Webhook])
async def clear(services: Provided, caller: Updater, webhook_id: UUID) -> Response:
    """Drop the sample without a name and stop waiting for one."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        await Samples(connection).disarm(caller.tenant_id, webhook_id)
        await audit(connection, caller, "sample.cleared", f"webhook:{webhook_id}")
        view = await services.view(connection, caller, webhook_id)
    return webhook_answer(view)


@router.get("/{webhook_id}/samples")
@documented(answer=Data[list[SampleSummary]])
async def list_samples(services: Provided, caller: Reader, webhook_id: UUID) -> Response:
    """List a webhook's samples: the one without a name first, then by name."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).get(caller.tenant_id, webhook_id)
        samples = Samples(connection)
        await samples.capture_armed(caller.tenant_id, webhook_id)
        found = await samples.list_all(caller.tenant_id, webhook_id)
    return data([asdict(sample) for sample in found])


@router.delete("/{webhook_id}/samples", status_code=204)
@documented(answer=None)
async def clear_all(services: Provided, caller: Updater, webhook_id: UUID) -> Response:
    """Drop every sample and stop waiting for one."""
    async with services.transaction(caller) as connection:
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        await Samples(connection).clear(caller.tenant_id, webhook_id)
        await audit(connection, caller, "samples.cleared", f"webhook:{webhook_id}")
    return no_content()


@router.get("/{webhook_id}/samples/{sample_id}")
@documented(answer=Data[NamedSample])
async def get(services: Provided, caller: Reader, webhook_id: UUID, sample_id: UUID) -> Response:
    """Get a sample with its headers and body."""
    async with services.transaction(caller) as connection:
        sample = await Samples(connection).get(caller.tenant_id, webhook_id, sample_id)
    about = {"sample_id": sample.sample_id, "name": sample.name}
    return data(about | sample_content(sample))


@router.get("/{webhook_id}/samples/{sample_id}/paths")
@documented(answer=Data[SampleTree], faults={409: "the sample's body is not JSON"})
async def get_paths(
    services: Provided, caller: Reader, webhook_id: UUID, sample_id: UUID
) -> Response:
    """Get the tree of what a sample holds: JSONata paths with types and examples."""
    async with services.transaction(caller) as connection:
        sample = await Samples(connection).get(caller.tenant_id, webhook_id, sample_id)
    try:
        document = orjson.loads(sample.body or b"null")
    except orjson.JSONDecodeError as error:
        raise Conflict(f"the sample's body is not JSON: {error}") from error
    return data(sample_tree(document))


@router.put("/{webhook_id}/samples/{sample_id}")
@documented(answer=Data[NamedSample], body=SampleNameBody, faults=_TOO_MANY)
async def rename(
    services: Provided, caller: Updater, webhook_id: UUID, *, sample_id: UUID, body: JsonBody
) -> Response:
    """Keep a sample under a name, so that no capture without one replaces it."""
    wanted = validated(SampleNameBody, body)
    async with services.transaction(caller) as connection:
        samples = Samples(connection)
        before = await samples.get(caller.tenant_id, webhook_id, sample_id)
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        if before.name is None:
            await _check_room(connection, caller.tenant_id, webhook_id, name=wanted.name)
        await samples.rename(caller.tenant_id, webhook_id, sample_id, name=wanted.name)
        await audit(
            connection,
            caller,
            "sample.renamed",
            f"webhook:{webhook_id}",
            details={"sample_id": sample_id},
            before={"name": before.name},
            after={"name": wanted.name},
        )
    about = {"sample_id": sample_id, "name": wanted.name}
    return data(about | sample_content(before))


@router.delete("/{webhook_id}/samples/{sample_id}", status_code=204)
@documented(answer=None)
async def delete(
    services: Provided, caller: Updater, webhook_id: UUID, sample_id: UUID
) -> Response:
    """Delete a sample."""
    async with services.transaction(caller) as connection:
        samples = Samples(connection)
        await samples.get(caller.tenant_id, webhook_id, sample_id)
        await Webhooks(connection).lock(caller.tenant_id, webhook_id)
        await samples.delete(caller.tenant_id, webhook_id, sample_id)
        await audit(
            connection,
            caller,
            "sample.deleted",
            f"webhook:{webhook_id}",
            details={"sample_id": sample_id},
        )
    return no_content()


async def _check_room(
    connection: Connection, tenant_id: UUID, webhook_id: UUID, *, name: str
) -> None:
    stored = await Samples(connection).list_all(tenant_id, webhook_id)
    others = [sample for sample in stored if sample.name not in {None, name}]
    if len(others) >= MAX_NAMED_SAMPLES:
        raise Conflict(f"a webhook has at most {MAX_NAMED_SAMPLES} named samples; delete one")
