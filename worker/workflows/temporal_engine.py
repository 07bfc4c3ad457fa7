"""Runs carried on by Temporal, for installations that have it.

A run is started by a call, before the transaction that closes the delivery: its id makes a second
start harmless. Workflows of every name are one class here, and steps of every name one activity,
which find the workflow or the step by the name that they were called by.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import orjson
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RawValue, RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError, RPCStatusCode, TLSConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from shared.errors import ConfigurationError
from shared.observability.logging import get_logger
from worker.outcome import Reject, Retry
from worker.pausing import sleep_until
from worker.workflows.definition import Workflow
from worker.workflows.port import RunStart, RunState, RunStatus
from worker.workflows.steps import StepCall, carry_out, find_step
from worker.workflows.temporal_address import TemporalAddress

_LOGGER = get_logger(__name__)

_RETRY_SECONDS = 2.0
_CALL_TIMEOUT = timedelta(seconds=5)
#: A worker that died is missed after so long.
_HEARTBEAT_SECONDS = 5.0
#: Open requests for work. What a server gives to one whose worker died waits for a time-out.
_WORKFLOW_POLLS = 2
_ACTIVITY_POLLS = 1
_TASK_TIMEOUT = timedelta(seconds=5)
#: After so many deaths of workers in it, a step is given up.
_MOST_DEATHS = 100
_LOOKS_AT_A_TIME = 16

#: What no other try will help with.
_REFUSALS = {RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE}
_STATUSES = {
    WorkflowExecutionStatus.COMPLETED: RunStatus.SUCCEEDED,
    WorkflowExecutionStatus.FAILED: RunStatus.FAILED,
    WorkflowExecutionStatus.TIMED_OUT: RunStatus.FAILED,
    WorkflowExecutionStatus.CANCELED: RunStatus.CANCELLED,
    WorkflowExecutionStatus.TERMINATED: RunStatus.CANCELLED,
}


def _tls(address: TemporalAddress) -> TLSConfig | bool:
    if not address.uses_tls:
        return False
    return TLSConfig(
        server_root_ca_cert=_content(address.ca_file),
        client_cert=_content(address.certificate_file),
        client_private_key=_content(address.key_file),
    )


def _content(file: str | None) -> bytes | None:
    try:
        return None if file is None else Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError([f"Temporal: {error}"]) from error


#: By name; the class below is made anew by Temporal for each run, and has no other way to them.
_WORKFLOWS: dict[str, Workflow] = {}


@dataclass(frozen=True, slots=True)
class _Run:
    """The run that calls this."""

    run_id: str

    async def step(self, call: StepCall) -> str:
        try:
            result: str = await workflow.execute_activity(
                call.step.name,
                args=[call.arguments, call.key],
                result_type=str,
                start_to_close_timeout=timedelta(seconds=call.step.longest_seconds + 60),
                heartbeat_timeout=timedelta(seconds=_HEARTBEAT_SECONDS),
                retry_policy=RetryPolicy(
                    initial_interval=timedelta(seconds=1),
                    maximum_interval=timedelta(seconds=10),
                    maximum_attempts=_MOST_DEATHS,
                ),
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return orjson.dumps({"failed": str(error.cause or error)}).decode()
        return result

    async def sleep(self, seconds: float) -> None:
        await workflow.sleep(seconds)


@workflow.defn(dynamic=True)
class _AnyWorkflow:
    """A run of a workflow of any name."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> object:
        """Carry the run on."""
        info = workflow.info()
        known = _WORKFLOWS.get(info.workflow_type)
        if known is None:
            # The task fails, not the run: a worker that knows the workflow may come.
            raise RuntimeError(f"this worker has no workflow {info.workflow_type!r}")
        content = workflow.payload_converter().from_payload(args[0].payload, dict)
        try:
            return await known.carry_on(_Run(info.workflow_id), content)
        except FailureError:
            raise
        except Exception as error:
            # Anything else would have the task tried again, for ever.
            raise ApplicationError(
                str(error), type=type(error).__name__, non_retryable=True
            ) from error


@activity.defn(dynamic=True)
async def _any_step(args: Sequence[RawValue]) -> str:
    """Carry out a step of any name."""
    converter = activity.payload_converter()
    arguments, key = (converter.from_payload(one.payload, str) for one in args)
    name = activity.info().activity_type
    found = find_step(name)
    if found is None:
        raise ApplicationError(f"this worker has no step {name}", type="UnknownStep")
    async with asyncio.TaskGroup() as group:
        beats = group.create_task(_heartbeats())
        try:
            return await carry_out(StepCall(step=found, arguments=arguments, key=key))
        finally:
            beats.cancel()


async def _heartbeats() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(_HEARTBEAT_SECONDS / 3)


class TemporalEngine:
    """A client and a worker of Temporal in this process."""

    name = "temporal"

    def __init__(
        self,
        workflows: Iterable[Workflow],
        *,
        address: TemporalAddress,
        concurrency: int,
        drain_seconds: float,
    ) -> None:
        """Carry on up to ``concurrency`` steps at a time.

        Raises:
            ConfigurationError: A certificate or key cannot be read.
        """
        _WORKFLOWS.update({one.name: one for one in workflows})
        self._address = address
        self._tls = _tls(address)
        self._concurrency = concurrency
        self._drain_seconds = drain_seconds
        self._client: Client | None = None
        self._fault: str | None = "not started"

    @property
    def fault(self) -> str | None:
        """Why no run is carried on here at the moment."""
        return self._fault

    async def run(self, stop: asyncio.Event) -> None:
        """Carry runs on until ``stop`` is set; wait for Temporal where it is away."""
        runtime = _runtime()
        while not stop.is_set():
            try:
                self._client = await self._connect(runtime)
                async with self._worker(self._client):
                    self._fault = None
                    await stop.wait()
            except (RuntimeError, RPCError) as error:
                # All that the library raises where the server is away or the namespace unknown.
                self._fault = f"Temporal: {error}"
                _LOGGER.warning("workflow_engine_waits", error=str(error))
                await sleep_until(stop, _RETRY_SECONDS)
        self._fault = "stopping"

    async def launch(self, start: RunStart) -> Retry | Reject | None:
        """Start a run."""
        if self._client is None:
            return Retry(f"no connection: {self._fault}", "engine_unavailable")
        try:
            await self._client.start_workflow(
                start.workflow,
                orjson.loads(start.envelope),
                id=start.run_id,
                task_queue=self._address.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=_TASK_TIMEOUT,
                rpc_timeout=_CALL_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return None
        except RPCError as error:
            told = f"Temporal: {error.status.name.lower()}: {error.message}"
            if error.status in _REFUSALS:
                return Reject(told, "engine_refused")
            return Retry(told, "engine_unavailable")
        return None

    async def look(self, run_ids: Sequence[str]) -> Sequence[RunState] | None:
        """Return where runs stand; None while Temporal does not answer."""
        client = self._client
        if client is None:
            return None
        some = asyncio.Semaphore(_LOOKS_AT_A_TIME)

        async def look(run_id: str) -> RunState | RPCError | None:
            async with some:
                try:
                    return await _state(client, run_id)
                except RPCError as error:
                    return error

        states = []
        for state in await asyncio.gather(*map(look, run_ids)):
            if isinstance(state, RPCError):
                _LOGGER.warning("workflow_runs_not_seen", error=str(state))
                return None
            if state is not None:
                states.append(state)
        return states

    async def take_over(self) -> int:
        """Nothing: Temporal does so itself."""
        return 0

    async def forget(self, _run_ids: Sequence[str], /) -> bool:
        """Nothing: the namespace has a retention of its own."""
        return True

    async def _connect(self, runtime: Runtime) -> Client:
        address = self._address
        return await Client.connect(
            address.address,
            namespace=address.namespace,
            tls=self._tls,
            api_key=None if address.api_key is None else address.api_key.reveal(),
            runtime=runtime,
        )

    def _worker(self, client: Client) -> Worker:
        return Worker(
            client,
            task_queue=self._address.task_queue,
            workflows=[_AnyWorkflow],
            activities=[_any_step],
            # Authors keep to the same rules on every engine; the sandbox would load their modules,
            # and ours, anew for each run.
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=self._concurrency,
            # A run goes on wherever a worker is free, instead of waiting for the one that had it
            # last, which may have died; histories of a few steps are quick to read anew.
            max_cached_workflows=0,
            max_concurrent_workflow_task_polls=_WORKFLOW_POLLS,
            max_concurrent_activity_task_polls=_ACTIVITY_POLLS,
            graceful_shutdown_timeout=timedelta(seconds=self._drain_seconds),
        )


async def _state(client: Client, run_id: str) -> RunState | None:
    handle = client.get_workflow_handle(run_id)
    try:
        described = await handle.describe(rpc_timeout=_CALL_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    status = RunStatus.RUNNING
    if described.status is not None:
        status = _STATUSES.get(described.status, RunStatus.RUNNING)
    if status is RunStatus.RUNNING:
        return RunState(run_id=run_id, status=status)
    try:
        result = await handle.result(rpc_timeout=_CALL_TIMEOUT)
    except WorkflowFailureError as failure:
        return RunState(run_id=run_id, status=status, error=_told(failure.cause))
    return RunState(run_id=run_id, status=status, result=result)


def _told(cause: BaseException) -> str:
    name = cause.type if isinstance(cause, ApplicationError) else None
    return f"{name or type(cause).__name__}: {getattr(cause, 'message', cause)}"


def _runtime() -> Runtime:
    """Return a runtime whose warnings go our way instead of to the console."""
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporal"))
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=forwarding,
            )
        )
    )
