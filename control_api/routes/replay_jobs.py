"""Replays of many deliveries: planned without effect, then made by the workers at a rate."""

from dataclasses import asdict
from time import monotonic
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from control_api.access import JsonBody, Provided, Reader, Replayer, Services
from control_api.answers import answer, data
from control_api.auditing import audit
from control_api.authentication import Caller
from control_api.contents import replay_jobs as contents
from control_api.contents.envelope import Data, Page
from control_api.documentation import documented
from control_api.faults import validated
from control_api.pagination import Page as WantedPage
from control_api.pagination import page_content
from control_api.replay_body import ReplayJobBody, ReplayPlanBody
from control_api.replay_differences import newest_differences
from shared.domain.identifiers import uuid7, uuid7_moment
from shared.errors import Conflict
from shared.ledger.delivery_search import DeliverySearch
from shared.ledger.replay_jobs import NewReplayJob, ReplayJob, ReplayJobs, replayable_ids
from shared.ledger.webhooks import Webhooks

router = APIRouter(prefix="/api/v1/replays", tags=["replays"])

_PLANNING_SECONDS = 2.0
_LOOKED_AT_ONCE = 1000
_WEBHOOK = {404: "there is no such webhook", 409: "the webhook is switched off"}
_FINISHED = {409: "the job is finished"}
_LAST = UUID(int=2**128 - 1)


@router.post("/plan")
@documented(answer=Data[contents.ReplayPlan], body=ReplayPlanBody, faults=_WEBHOOK)
async def plan(services: Provided, caller: Replayer, body: JsonBody) -> Response:
    """Tell what a job would replay and how long it would take; nothing is written.

    With ``dry_run`` also what the newest few of these replays would do, and change.
    """
    wanted = validated(ReplayPlanBody, body)
    await _check_webhook(services, caller, wanted)
    ids, told = await _planned(services, caller, wanted)
    differences = await newest_differences(services, caller, ids) if wanted.dry_run else []
    return data(told | {"differences": differences})


@router.post("", status_code=202)
@documented(answer=Data[contents.ReplayJob], body=ReplayJobBody, faults=_WEBHOOK)
async def create(services: Provided, caller: Replayer, body: JsonBody) -> Response:
    """Replay deliveries that match, the oldest first, up to the limit, at the rate.

    Never authenticated, unreadable, duplicate and unfinished ones are passed over, and what is
    recorded from now on.
    """
    wanted = validated(ReplayJobBody, body)
    await _check_webhook(services, caller, wanted)
    job = NewReplayJob(
        replay_job_id=uuid7(),
        webhook_id=wanted.inbound_webhook_id,
        conditions=wanted.conditions(),
        most_count=wanted.limit,
        per_second=wanted.per_second,
        created_by=caller.actor,
    )
    async with services.transaction(caller) as connection:
        jobs = ReplayJobs(connection)
        await jobs.insert(caller.tenant_id, job)
        target = f"replay:{job.replay_job_id}"
        details = wanted.model_dump(mode="json", exclude_none=True)
        await audit(connection, caller, "replay.created", target, details=details)
        made = await jobs.get(caller.tenant_id, job.replay_job_id)
    return data(_content(made), status=202)


@router.get("")
@documented(answer=Page[contents.ReplayJob])
async def list_page(services: Provided, caller: Reader, wanted: WantedPage) -> Response:
    """List jobs, the newest first."""
    async with services.transaction(caller) as connection:
        found = await ReplayJobs(connection).list_page(
            caller.tenant_id, before=wanted.after or _LAST, limit=wanted.probe
        )
    return answer(page_content(found, wanted, key=lambda job: job.replay_job_id, present=_content))


@router.get("/{replay_job_id}")
@documented(answer=Data[contents.ReplayJob])
async def get(services: Provided, caller: Reader, replay_job_id: UUID) -> Response:
    """Get a job with its progress."""
    async with services.transaction(caller) as connection:
        return data(_content(await ReplayJobs(connection).get(caller.tenant_id, replay_job_id)))


@router.post("/{replay_job_id}/pause")
@documented(answer=Data[contents.ReplayJob], faults=_FINISHED)
async def pause(services: Provided, caller: Replayer, replay_job_id: UUID) -> Response:
    """Stop making replays until the job is resumed."""
    return await _changed(services, caller, replay_job_id, action="paused")


@router.post("/{replay_job_id}/resume")
@documented(answer=Data[contents.ReplayJob], faults=_FINISHED)
async def resume(services: Provided, caller: Replayer, replay_job_id: UUID) -> Response:
    """Let a paused job go on."""
    return await _changed(services, caller, replay_job_id, action="resumed")


@router.post("/{replay_job_id}/cancel")
@documented(answer=Data[contents.ReplayJob], faults=_FINISHED)
async def cancel(services: Provided, caller: Replayer, replay_job_id: UUID) -> Response:
    """End a job for good; what it has replayed stays."""
    return await _changed(services, caller, replay_job_id, action="cancelled")


async def _changed(services: Services, caller: Caller, job_id: UUID, *, action: str) -> Response:
    async with services.transaction(caller) as connection:
        jobs = ReplayJobs(connection)
        before = await jobs.get(caller.tenant_id, job_id)
        if action == "cancelled":
            is_changed = await jobs.cancel(caller.tenant_id, job_id)
        else:
            is_changed = await jobs.set_paused(
                caller.tenant_id, job_id, is_paused=action == "paused"
            )
        if not is_changed:
            raise Conflict(f"the job is {before.status}; it cannot be {action} any more")
        await audit(connection, caller, f"replay.{action}", f"replay:{job_id}")
        job = await jobs.get(caller.tenant_id, job_id)
    return data(_content(job))


async def _check_webhook(services: Services, caller: Caller, wanted: ReplayJobBody) -> None:
    if wanted.inbound_webhook_id is None:
        return
    async with services.transaction(caller) as connection:
        webhook = await Webhooks(connection).get(caller.tenant_id, wanted.inbound_webhook_id)
    if not webhook.settings.is_active:
        raise Conflict("the webhook is switched off; activate it first")


async def _planned(
    services: Services, caller: Caller, wanted: ReplayJobBody
) -> tuple[list[UUID], dict[str, Any]]:
    """Look for what would be replayed, part by part, for a bounded time."""
    conditions = wanted.conditions()
    ids: list[UUID] = []
    position, is_end = UUID(int=max(conditions.first_id.int - 1, 0)), False
    ends_at = monotonic() + _PLANNING_SECONDS
    while not is_end and len(ids) < wanted.limit and monotonic() < ends_at:
        async with services.search_transaction(caller) as connection:
            search = DeliverySearch(connection, caller.tenant_id, wanted.inbound_webhook_id)
            part = await search.oldest_part(
                conditions, after=position, end=conditions.end_id, limit=_LOOKED_AT_ONCE
            )
        ids += replayable_ids(part.deliveries)
        position, is_end = part.position, part.is_end
    chosen = ids[: wanted.limit]
    is_complete = is_end or len(ids) >= wanted.limit
    return chosen, {
        "count": len(chosen),
        "limit_reached": len(ids) >= wanted.limit,
        "is_complete": is_complete,
        "scanned_to": None if is_complete else uuid7_moment(position),
        "oldest_received_at": uuid7_moment(chosen[0]) if chosen else None,
        "newest_received_at": uuid7_moment(chosen[-1]) if chosen else None,
        "estimated_seconds": len(chosen) / wanted.per_second,
    }


def _content(job: ReplayJob) -> dict[str, Any]:
    content = asdict(job)
    content["inbound_webhook_id"] = content.pop("webhook_id")
    content["limit"] = content.pop("most_count")
    content["conditions"] = orjson.Fragment(job.conditions)
    left = job.selected_count - job.replayed_count - job.skipped_count
    is_open = job.finished_at is None and job.status != "selecting"
    return content | {"remaining_seconds": left / job.per_second if is_open else None}
