"""The workflow of the demo: two steps, whose results stay with the delivery."""

from pydantic import BaseModel

from postern.workflows import Envelope, step, step_key, workflow

NAME = "demo-alert"
_CRITICAL = 8


class Alert(BaseModel):
    """What its events have to be."""

    host: str
    severity: int


@step
async def assess(severity: int) -> str:
    """Return how bad it is."""
    return "critical" if severity >= _CRITICAL else "minor"


@step(attempts=3)
async def acknowledge(host: str, level: str) -> dict[str, str]:
    """Return what a ticket system would answer to a call with this step's key."""
    return {"host": host, "level": level, "reference": step_key()}


@workflow(NAME, body=Alert)
async def handle_alert(envelope: Envelope) -> dict[str, str]:
    """Assess an alert and acknowledge it."""
    alert = Alert(**envelope.body)
    return await acknowledge(alert.host, await assess(alert.severity))
