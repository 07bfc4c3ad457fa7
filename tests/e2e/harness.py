"""The whole system as real processes, for tests that send, kill, stop and count."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self

import httpx
import psycopg
from psycopg.rows import DictRow, dict_row

from deploy.local import demo_tenant, stack
from deploy.local.control import ControlApi
from deploy.local.examples import TENANT_SLUG
from deploy.local.stack import HOST, Plan
from deploy.local.walk import Sender
from shared.embedded.kafka import EmbeddedKafka

_MASTER_KEYS = "e2e-1:" + base64.b64encode(bytes(range(32))).decode()
#: A test must not hang on an answer; the gateway promises one within a second.
_TIMEOUT = httpx.Timeout(10)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a stack consists of."""

    kafka: bool = False
    gateways: int = 1
    workers: int = 1
    #: As in a plan.
    workflows: Sequence[str] | None = None
    #: Settings by variable.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: PostgreSQL flushes as in production unless these say otherwise.
    postgres_settings: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """A running system with one tenant; whatever happens, leaving it ends every process.

    Processes go by name: postgres, kafka, control-api, gateway-1, gateway-2, ..., worker-1, ...
    """

    def __init__(
        self,
        directory: Path,
        shape: Shape | None = None,
        *,
        system_of: Callable[[Plan], stack.Stack] = stack.Stack,
    ) -> None:
        shape = shape or Shape()
        self.system = system_of(Plan(directory=directory, master_keys=_MASTER_KEYS, **vars(shape)))
        self.http = httpx.Client(timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        self.system.__enter__()
        try:
            self.api_key = demo_tenant.bootstrap(self.system)
            self.api = ControlApi(self.system.control_api_url, self.api_key)
        except BaseException:
            self.system.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        self.api.close()
        self.system.stop()

    @property
    def dsn(self) -> str:
        """The superuser's address of the ledger."""
        return self.system.database_url

    def gateway_url(self, number: int = 1) -> str:
        """Return the address of a gateway."""
        port = self.system.programs[f"gateway-{number}"].environment["POSTERN_GATEWAY_PORT"]
        return f"http://{HOST}:{port}"

    def sender(self, slug: str, secret: str, *, gateway: int = 1) -> Sender:
        """Return a sender of signed events to a webhook of the tenant, by one gateway."""
        url = f"{self.gateway_url(gateway)}/api/inbound/{TENANT_SLUG}/{slug}"
        return Sender(http=self.http, url=url, secret=secret)

    def fetch(self, query: LiteralString, *arguments: Any) -> list[DictRow]:
        """Return the rows of a query, asked by the superuser."""
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(query, arguments).fetchall()

    def kill(self, name: str) -> None:
        """End a process with SIGKILL."""
        match name:
            case "postgres":
                self.system.postgres.kill()
            case "kafka":
                self._kafka().kill()
            case _:
                self.system.programs[name].kill()

    def stop(self, name: str) -> None:
        """End a process with SIGTERM, or PostgreSQL's fast shutdown."""
        match name:
            case "postgres":
                self.system.postgres.stop()
            case "kafka":
                self._kafka().stop()
            case _:
                self.system.programs[name].stop()

    def start(self, name: str) -> None:
        """Start a process that ended, on the same ports and data, and wait until it is ready."""
        match name:
            case "postgres":
                self.system.postgres.start()
            case "kafka":
                self._kafka().start()
            case _:
                self.system.programs[name].start()
                self.system.programs[name].wait_ready()

    def restart(self, name: str) -> None:
        """Stop a process if it runs, and start it."""
        self.stop(name)
        self.start(name)

    def pause(self, name: str) -> None:
        """Stop a program with SIGSTOP: its connections stay open, and it does nothing."""
        self.system.programs[name].pause()

    def resume(self, name: str) -> None:
        """Let a paused program go on."""
        self.system.programs[name].resume()

    def _kafka(self) -> EmbeddedKafka:
        if self.system.kafka is None:
            raise RuntimeError("this stack has no Kafka")
        return self.system.kafka
