"""Whoever is on call is paged about an outage, and the lead as well when it lasts."""

import os
from datetime import UTC, datetime
from typing import Any

import asyncpg
from pydantic import BaseModel, Field

from postern.workflows import Envelope, sleep, step, step_key, workflow

_ROSTER = ("ada", "grace", "edsger")
_LEAD = "barbara"
_LONG_MINUTES = 30

# A table of one's own, beside Postern's. In production a migration makes it.
_TABLE = """
create schema if not exists outages;
create table if not exists outages.pages (
    key text primary key, page_number bigint generated always as identity,
    person text not null, message text not null);
"""
_PAGE = """
insert into outages.pages (key, person, message) values ($1, $2, $3)
on conflict (key) do update set key = excluded.key
returning page_number
"""


class Outage(BaseModel):
    """What the body has to be: a delivery with another one fails, and starts no run."""

    site: str = Field(min_length=1, description="Which site is down.")
    minutes: int = Field(ge=0, description="For how long.")


@step
async def on_call() -> str:
    """Return who is on call. The clock is read in a step: a run goes on with the same person."""
    today = datetime.now(UTC)  # noqa: TID251 - a package of one's own has no clock of Postern's
    return _ROSTER[today.toordinal() % len(_ROSTER)]


@step(attempts=5, timeout_seconds=10)
async def page(person: str, message: str) -> int:
    """Page a person, once however often this step is called; return the page's number."""
    # The workers' own database; it could as well be a service that takes an Idempotency-Key.
    url = os.environ["POSTERN_DATABASE_URL"]  # noqa: TID251 - workers have no settings of ours
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_TABLE)
        number: int = await connection.fetchval(_PAGE, step_key(), person, message)
        return number
    finally:
        await connection.close()


@workflow("report-outage", body=Outage)
async def report_outage(envelope: Envelope) -> dict[str, Any]:
    """Page who is on call about an outage; page the lead as well when it lasts."""
    outage = Outage(**envelope.body)
    person = await on_call()
    pages = [await page(person, f"{outage.site} is down")]
    if outage.minutes > _LONG_MINUTES:
        await sleep(1)  # however long it is, the run goes on after it, on whichever worker
        pages.append(await page(_LEAD, f"{outage.site} is down for {outage.minutes} minutes"))
    return {"on_call": person, "pages": pages}
