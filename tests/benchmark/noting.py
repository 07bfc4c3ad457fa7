"""A workflow of one small step, imported by the worker that is measured."""

from postern.workflows import Envelope, step, workflow


@step
async def measure(host: str) -> int:
    """Return something that follows from the arguments."""
    return len(host)


@workflow("noting")
async def noting(envelope: Envelope) -> dict[str, int]:
    """Make one step of the body."""
    return {"length": await measure(envelope.body["device"]["hostname"])}
