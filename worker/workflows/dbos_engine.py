"""Runs carried on by DBOS, which keeps them in our own PostgreSQL.

A run is started by a function of DBOS's schema inside the delivery's transaction, so that it
begins if, and only if, the delivery is dispatched. Workers take started runs from a DBOS queue.
DBOS works in threads of its own, with an event loop of its own: a step that blocks holds up other
runs, and no delivery.
Source: https://docs.dbos.dev/explanations/system-tables
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import uuid4

from dbos import DBOS, DBOSConfig, WorkflowStatus
from dbos import error as dbos_errors
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.database.pool import (
    LONGEST_TRANSACTION_SECONDS,
    SYSTEM_ROLE,
    Connection,
    DirectConnection,
    Pool,
    connect,
    connection,
    translated_errors,
)
from shared.database.workflow_schema import SCHEMA
from shared.errors import ConfigurationError, DatabaseUnavailable
from shared.ledger.workflow_runs import WorkflowExecutors, WorkflowRuns
from shared.observability.logging import get_logger
from worker.pausing import sleep_until
from worker.workflows.definition import Workflow
from worker.workflows.port import RunStart, RunState, RunStatus
from worker.workflows.steps import StepCall, carry_out

_LOGGER = get_logger(__name__)

_QUEUE = "postern"
#: One for all: what runs on after an update is the author's to keep alike, see ``workflow()``.
_VERSION = "1"
_POLL_SECONDS = 0.1
_CONNECTIONS = 8
_RETRY_SECONDS = 2.0
#: A worker whose machine is gone says no good-bye: its connection counts as dead after so long.
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5"}
_STATUSES = {
    "SUCCESS": RunStatus.SUCCEEDED,
    "ERROR": RunStatus.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": RunStatus.FAILED,
    "CANCELLED": RunStatus.CANCELLED,
}

Answer = TypeVar("Answer")


class _Run:
    """The run that calls this."""

    @property
    def run_id(self) -> str:
        if DBOS.workflow_id is None:
            raise RuntimeError("outside a workflow")
        return DBOS.workflow_id

    async def step(self, call: StepCall) -> str:
        async def made() -> str:
            return await carry_out(call)

        return await DBOS.run_step_async({"name": call.step.name}, made)

    async def sleep(self, seconds: float) -> None:
        await DBOS.sleep_async(seconds)


class DbosEngine:
    """DBOS in this process, and what starts and watches runs from anywhere."""

    name = "dbos"

    def __init__(
        self,
        workflows: Iterable[Workflow],
        *,
        database_url: str,
        pool: Pool,
        concurrency: int,
        drain_seconds: float,
    ) -> None:
        """Carry on up to ``concurrency`` runs at a time; ``pool`` is of the system role."""
        self._workflows = tuple(workflows)
        self._database_url = database_url
        self._pool = pool
        self._concurrency = concurrency
        self._drain_seconds = drain_seconds
        self._executor_id = uuid4().hex
        #: Shows the other workers that this one lives.
        self._sign: DirectConnection | None = None
        self._is_launched = False
        #: Engines that looked dead at the last look.
        self._suspects: set[str] = set()

    @property
    def fault(self) -> str | None:
        """Why no run is carried on here at the moment."""
        return None if self._is_launched else "not started"

    async def run(self, stop: asyncio.Event) -> None:
        """Carry runs on until ``stop`` is set; wait for PostgreSQL where it is away.

        Raises:
            ConfigurationError: The engine's schema is not there.
        """
        try:
            while not stop.is_set() and not self._is_launched:
                await self._begin(stop)
            await stop.wait()
        finally:
            await self._end()

    async def enlist(self, connection: Connection, start: RunStart) -> None:
        """Start a run when the transaction commits."""
        await WorkflowRuns(connection).enqueue(
            run_id=start.run_id,
            workflow=start.workflow,
            queue=_QUEUE,
            version=_VERSION,
            envelope=start.envelope,
        )

    async def look(self, run_ids: Sequence[str]) -> Sequence[RunState] | None:
        """Return where runs stand; None while the engine is not launched."""
        if not self._is_launched:
            return None
        found = await _in_thread(
            lambda: DBOS.list_workflows(workflow_ids=list(run_ids), load_input=False)
        )
        return [_state(status) for status in found]

    async def take_over(self) -> int:
        """Have the runs of engines that looked dead twice in a row queued again."""
        if not self._is_launched:
            return 0
        await self._hold_sign()
        async with connection(self._pool) as borrowed:
            dead = await WorkflowExecutors(borrowed).list_dead() - {self._executor_id}
        lost, self._suspects = dead & self._suspects, dead
        return sum([await self._take_over(one) for one in sorted(lost)])

    async def forget(self, run_ids: Sequence[str]) -> bool:
        """Delete what DBOS keeps of runs."""
        if not self._is_launched:
            return False
        await _in_thread(lambda: DBOS.delete_workflows(list(run_ids)))
        return True

    async def _begin(self, stop: asyncio.Event) -> None:
        """Try to begin; where PostgreSQL is away, wait a little."""
        try:
            await self._hold_sign()
            await _in_thread(self._launch)
            self._is_launched = True
        except DatabaseUnavailable as error:
            _LOGGER.warning("workflow_engine_waits", error=str(error))
            await sleep_until(stop, _RETRY_SECONDS)

    async def _take_over(self, executor_id: str) -> int:
        # The only way to have one executor's runs taken over by hand.
        handles = await _in_thread(
            lambda: DBOS._recover_pending_workflows([executor_id])  # noqa: SLF001
        )
        if not handles:
            async with connection(self._pool) as borrowed:
                await WorkflowExecutors(borrowed).delete(executor_id)
        return len(handles)

    async def _hold_sign(self) -> None:
        """Be known as alive; the sign comes first, for whoever is known without it is dead."""
        if self._sign is not None and not self._sign.is_closed():
            return
        with translated_errors():
            sign = await connect(
                self._database_url,
                role=SYSTEM_ROLE,
                application_name="postern-workflows",
                settings=_KEEPALIVE,
            )
            await WorkflowExecutors(sign).take_sign(self._executor_id)
            await WorkflowExecutors(sign).insert(self._executor_id)
        self._sign = sign

    def _launch(self) -> None:
        """Start DBOS's threads, with the workflows registered."""
        _quieten()
        DBOS(config=self._config())
        for workflow in self._workflows:
            DBOS.workflow(name=workflow.name)(_as_dbos_calls_it(workflow))
        try:
            DBOS.launch()
            DBOS.register_queue(
                _QUEUE,
                worker_concurrency=self._concurrency,
                polling_interval_sec=_POLL_SECONDS,
                on_conflict="always_update",
            )
        except dbos_errors.DBOSException as error:
            DBOS.destroy(destroy_registry=True)
            raise ConfigurationError(
                [f"workflow engine: {error}; run python -m shared.database.migrate"]
            ) from error
        except DBAPIError:
            DBOS.destroy(destroy_registry=True)
            raise

    def _config(self) -> DBOSConfig:
        return DBOSConfig(
            name="postern",
            system_database_url=_as_system(self._database_url).render_as_string(
                hide_password=False
            ),
            dbos_system_schema=SCHEMA,
            sys_db_pool_size=_CONNECTIONS,
            run_migrations=False,
            executor_id=self._executor_id,
            application_version=_VERSION,
            enable_otlp=False,
        )

    async def _end(self) -> None:
        """Let go of the runs in hand; another worker carries on what has not ended."""
        if self._is_launched:
            self._is_launched = False
            await asyncio.to_thread(
                DBOS.destroy,
                destroy_registry=True,
                workflow_completion_timeout_sec=int(self._drain_seconds),
            )
        if self._sign is not None:
            await self._sign.close()


async def _in_thread(call: Callable[[], Answer]) -> Answer:
    """Call what waits for PostgreSQL.

    Raises:
        DatabaseUnavailable: It does not answer.
    """
    with _translated_errors():
        return await asyncio.to_thread(call)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeoutError) as error:
        raise DatabaseUnavailable(f"DBOS: {type(error).__name__}: {error}") from error


def _as_system(database_url: str) -> URL:
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    given = url.query.get("options", "")
    options = (
        f"{given if isinstance(given, str) else ' '.join(given)} -crole={SYSTEM_ROLE}"
        # A frozen worker's locks are free for the others after a while.
        f" -cidle_in_transaction_session_timeout={LONGEST_TRANSACTION_SECONDS:g}s"
    )
    return url.update_query_dict(
        {"options": options.strip(), "application_name": "postern-workflows"}
    )


def _quieten() -> None:
    """Have DBOS's warnings go our way: with a handler of its own it would write beside ours."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _as_dbos_calls_it(workflow: Workflow) -> Callable[[dict[str, Any]], Coroutine[Any, Any, Any]]:
    async def run(content: dict[str, Any]) -> Any:
        return await workflow.carry_on(_Run(), content)

    return run


def _state(status: WorkflowStatus) -> RunState:
    return RunState(
        run_id=status.workflow_id,
        status=_STATUSES.get(status.status, RunStatus.RUNNING),
        result=status.output,
        error=None if status.error is None else _told(status.error),
    )


def _told(error: Exception) -> str:
    name = getattr(error, "name", type(error).__name__)
    return f"{name}: {error}"
