"""A workflow whose every step leaves a countable trace; the workers of a run import it."""

import os

import asyncpg
from pydantic import BaseModel

from postern.workflows import Envelope, step, step_key, workflow

NAME = "counted"
_DATABASE = "POSTERN_DATABASE_URL"
_CONNECT_SECONDS = 5.0
_EFFECT = (
    "insert into faults.step_effects (key, event_id, step) values ($1, $2, $3) "
    "on conflict (key) do nothing"
)


class Event(BaseModel):
    """What a scene's events have; faulty ones lack the subject."""

    id: str
    subject: str


class Body(BaseModel):
    """What a scene sends."""

    event: Event


# More attempts than any fault lasts for.
@step(attempts=30, timeout_seconds=10)
async def act(event_id: str, number: int) -> None:
    """Have an effect, once by the step's key."""
    url = os.environ[_DATABASE]  # noqa: TID251 - the worker's setting, which steps use as well
    connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
    try:
        await connection.execute(_EFFECT, step_key(), event_id, number)
    finally:
        connection.terminate()  # asking first would wait on a link that swallows everything


@workflow(NAME, body=Body)
async def act_three_times(envelope: Envelope) -> None:
    """Make three steps, one after the other."""
    for number in (1, 2, 3):
        await act(envelope.body["event"]["id"], number)
