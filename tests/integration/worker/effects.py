"""An action whose effects can be counted and which ends as its payload says."""

import asyncio
from typing import Literal

from pydantic import Field

from worker.actions.context import ActionContext, ActionResult
from worker.actions.fields import ActionFields, Integer
from worker.actions.registry import ActionOutcome, action
from worker.outcome import Reject, Retry

CREATE_TABLE = """
create table public.effects (
    delivery_id uuid not null,
    seen_tenants bigint not null,
    number bigint generated always as identity
);
grant usage on schema public to postern_tenant;
grant select, insert on public.effects to postern_tenant;
"""
MAPPING = {"ending": "ending", "failures": "failures"}

_INSERT = "insert into effects select $1, count(*) from postern.tenants"
_COUNT_ATTEMPTS = "select count(*) from postern.delivery_attempts where delivery_id = $1"
#: A statement that lasts until somebody ends it.
FOR_EVER = "select pg_sleep(60)"
_DEADLOCK = "do $$ begin raise exception 'in the way' using errcode = '40P01'; end $$"


class RecordEffect(ActionFields):
    """How to end after the effect."""

    ending: Literal[
        "done", "reject", "retry", "raise", "hang", "lose_connection", "deadlock", "odd_result"
    ] = Field(description="How to end.")
    failures: Integer = Field(default=0, description="How many attempts fail before.")


@action("recordEffect", entity_type="effect", display_name="Record effect", description="Test.")
async def record_effect(ctx: ActionContext, fields: RecordEffect) -> ActionOutcome:
    """Leave one row, then end as told."""
    await ctx.connection.execute(_INSERT, ctx.delivery_id)
    if await _has_to_fail(ctx, fields):
        return Retry("told to fail for now")
    return await _end(ctx, fields)


async def _has_to_fail(ctx: ActionContext, fields: RecordEffect) -> bool:
    attempts: int = await ctx.connection.fetchval(_COUNT_ATTEMPTS, ctx.delivery_id)
    return attempts < fields.failures


async def _end(ctx: ActionContext, fields: RecordEffect) -> ActionOutcome:
    match fields.ending:
        case "reject":
            return Reject("told to reject", "told", {"field": "ending"})
        case "retry":
            return Retry("told to retry", after_seconds=90.0)
        case "raise":
            raise RuntimeError("told to raise")
        case "hang":
            await asyncio.Event().wait()
        case "lose_connection":
            await ctx.connection.execute(FOR_EVER)
        case "deadlock":
            await ctx.connection.execute(_DEADLOCK)
        case "done" | "odd_result":
            pass
    odd = {"nul": "\x00", "not_a_number": float("nan"), "half": "\ud800", "bytes": b"\xff"}
    return ActionResult(
        entity_type="effect", metadata=odd if fields.ending == "odd_result" else {}
    )
