"""What authors of workflows declare, and the envelope that a workflow is given."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from pydantic import BaseModel

from worker.workflows.steps import EngineRun, inside

#: Distributions name modules of workflows under this group.
ENTRY_POINT_GROUP = "postern.workflows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A verified request, as a workflow gets it. All of it is JSON."""

    #: The webhook's slug.
    source: str
    tenant_id: str
    delivery_id: str
    #: The parsed body.
    body: Any
    #: By name in lower case, without credentials; repeated ones are joined by commas.
    headers: Mapping[str, str]
    verified: bool = True
    idempotency_key: str | None
    #: ISO 8601, with its offset.
    received_at: str

    def content(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


WorkflowFunction = Callable[[Envelope], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A declared workflow."""

    name: str
    description: str
    function: WorkflowFunction
    #: What the body of the envelope has to be; None: any JSON.
    body: type[BaseModel] | None

    async def carry_on(self, run: EngineRun, content: Mapping[str, Any]) -> Any:
        """Call the function, from its start, in an engine's run; return JSON values."""
        with inside(run):
            result = await self.function(Envelope(**content))
        return orjson.loads(orjson.dumps(result))


def workflow(
    name: str, *, description: str | None = None, body: type[BaseModel] | None = None
) -> Callable[[WorkflowFunction], Workflow]:
    """Declare a workflow: an ``async def`` of an envelope that returns JSON.

    When its worker has died, the function is called again from its start, and steps that have
    ended return at once what they returned then. So all that it does beside computing has to be
    in steps, and the order of the steps has to follow from the envelope and from earlier results
    alone. What it raises ends the run as failed. A changed workflow has to make the steps of runs
    that have not ended in their old order; give a new order a new name.

    Without a ``description`` the function's docstring describes it.
    """

    def declare(function: WorkflowFunction) -> Workflow:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"workflow {name} is no async def")
        told = description if description is not None else inspect.getdoc(function) or ""
        return Workflow(name=name, description=told, function=function, body=body)

    return declare
