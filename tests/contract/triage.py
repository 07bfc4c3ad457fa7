"""A workflow of three steps, whose effects can be counted and which can be held up in any of them.

Imported by real workers, through an entry point.
"""

import asyncio
import os
from typing import Any

import asyncpg
from pydantic import BaseModel

from postern.workflows import Envelope, StepFailed, step, step_key, workflow

#: The workers' setting, which the steps use as well.
_DATABASE = "POSTERN_DATABASE_URL"
_LOOK_SECONDS = 0.05
_BEGIN = "insert into public.calls (run_id, step, pid) values ($1, $2, $3)"
_IS_OPEN = "select exists (select from public.gates where step = $1)"
_EFFECT = (
    "insert into public.effects (key, run_id, step) values ($1, $2, $3) on conflict do nothing"
)

CREATE_TABLES = """
create table public.calls (run_id text, step integer, pid integer);
create table public.gates (step integer primary key);
create table public.effects (key text primary key, run_id text, step integer);
grant select, insert on public.calls, public.gates, public.effects to postern_system;
"""


class Alert(BaseModel):
    """What the workflow takes."""

    severity: int


@step
async def act(run_id: str, *, number: int) -> int:
    """Note the call, wait until the step's gate is open, and have an effect once for the run."""
    connection = await asyncpg.connect(os.environ[_DATABASE])  # noqa: TID251 - it has no settings
    try:
        await connection.execute(_BEGIN, run_id, number, os.getpid())
        while not await connection.fetchval(_IS_OPEN, number):  # noqa: ASYNC110 - a row, no event
            await asyncio.sleep(_LOOK_SECONDS)
        await connection.execute(_EFFECT, step_key(), run_id, number)
    finally:
        await connection.close()
    return number * 10


@workflow("triage", body=Alert)
async def triage(envelope: Envelope) -> dict[str, Any]:
    """Act three times; fail where the alert says so."""
    run_id = envelope.delivery_id
    results = [await act(run_id, number=number) for number in (1, 2, 3)]
    if envelope.body["severity"] > 9:
        raise ValueError("too severe")
    return {"results": results, "source": envelope.source}


@step(attempts=2)
async def fail_always(severity: int) -> None:
    """Raise."""
    raise RuntimeError(f"severity {severity}")


@workflow("stumbling", description="Catches what a step raises at last.")
async def stumbling(envelope: Envelope) -> dict[str, Any]:
    """Return what a step that always fails raised."""
    try:
        await fail_always(envelope.body["severity"])
    except StepFailed as failed:
        return {"caught": failed.reason}
    return {}
