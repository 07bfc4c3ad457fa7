"""What a benchmark runs on: PostgreSQL that flushes, one gateway, no worker, perhaps Kafka."""

import base64
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

from deploy.local.program import ROOT, Program
from deploy.local.stack import Plan, Stack
from shared.crypto.keyring import parse_keyring
from shared.embedded.ports import accepts, free_port
from shared.embedded.processes import wait_until
from tests.benchmark.events import Target
from tests.benchmark.seeding import seed_tenant

#: Enough for the minutes that a benchmark takes.
_LOG_SEGMENTS = 60


@dataclass(frozen=True, kw_only=True)
class Rig:
    """The running parts."""

    stack: Stack
    gateway: Program
    targets: Sequence[Target]

    @property
    def port(self) -> int:
        """The gateway's port."""
        return self.stack.plan.ports.gateway

    @property
    def postgres_pid(self) -> int:
        """PostgreSQL's main process."""
        if self.stack.postgres.pid is None:
            raise RuntimeError("PostgreSQL does not run")
        return self.stack.postgres.pid

    def count(self, query: LiteralString) -> int:
        """Return the one number of a query's answer."""
        with psycopg.connect(self.stack.database_url) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def setting(self, name: str) -> str:
        """Return a PostgreSQL setting as the gateway's connections have it."""
        with psycopg.connect(self.stack.database_url) as connection:
            row = connection.execute("select current_setting(%s)", (name,)).fetchone()
        return str(row[0]) if row else ""


@dataclass(frozen=True, slots=True)
class BareServer:
    """The running yardstick."""

    port: int
    pid: int


@contextmanager
def running_rig(
    *,
    webhook_count: int,
    tenant_count: int = 1,
    kafka: bool = False,
    settings: Mapping[str, str] | None = None,
    field_mapping: Mapping[str, str] | None = None,
) -> Iterator[Rig]:
    """Run the parts in a directory of their own.

    ``settings`` are the gateway's by name, such as writer_count.
    Whatever happens, every process is ended and the directory removed.
    """
    with running_servers(kafka=kafka) as stack:
        targets = [
            target
            for number in range(tenant_count)
            for target in seed_tenant(
                stack.database_url,
                parse_keyring(stack.plan.master_keys),
                slug=f"benchmark-{number}",
                webhook_count=webhook_count // tenant_count,
                field_mapping=field_mapping,
            )
        ]
        gateway = stack.programs["gateway"] = _gateway(stack, settings or {})
        gateway.start()
        gateway.wait_ready()
        yield Rig(stack=stack, gateway=gateway, targets=targets)
        stack.check()


@contextmanager
def running_servers(
    *,
    kafka: bool,
    postgres_settings: Mapping[str, str] | None = None,
    gateways: int = 1,
    workers: int = 1,
) -> Iterator[Stack]:
    """Run PostgreSQL and perhaps Kafka in a directory of their own, and no program yet.

    ``gateways`` and ``workers`` say how many ``start_programs`` of the stack starts.
    """
    with benchmark_directory() as directory, ExitStack() as undo:
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        plan = Plan(
            directory=directory,
            master_keys=f"benchmark-1:{key}",
            kafka=kafka,
            gateways=gateways,
            workers=workers,
            postgres_settings={
                "min_wal_size": "1GB",
                "max_wal_size": "4GB",
                **(postgres_settings or {}),
            },
        )
        stack = Stack(plan)
        undo.callback(stack.stop)
        stack.start_servers()
        _make_log_segments(stack.database_url)
        yield stack


def worker_program(
    stack: Stack, name: str = "worker", settings: Mapping[str, str] | None = None
) -> Program:
    """Return a worker that has not started; ``settings`` are by name, such as concurrency."""
    own = {
        "OPERATIONS_PORT": str(free_port()),
        **{key.upper(): value for key, value in (settings or {}).items()},
    }
    return Program(
        name,
        module="worker",
        environment={
            **stack.shared_environment(),
            **{f"POSTERN_WORKER_{key}": value for key, value in own.items()},
        },
        log_dir=_log_dir(stack),
    )


def _make_log_segments(dsn: str) -> None:
    """Let the server have the write-ahead log of one that has run for a while.

    A new server makes each segment of 16 MB as it comes to it, and every commit waits for that,
    for 50 ms and more; later it uses old segments again. A checkpoint hands these over.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(_LOG_SEGMENTS):
            connection.execute("select pg_logical_emit_message(false, 'benchmark', 'x')")
            connection.execute("select pg_switch_wal()")
        connection.execute("checkpoint")


@contextmanager
def benchmark_directory() -> Iterator[Path]:
    """Make a directory on the disk that `make run` uses, and remove it in the end."""
    parent = ROOT / ".postern"
    parent.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="benchmark-", dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running_bare_server() -> Iterator[BareServer]:
    """Run the yardstick."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmark.bare", "--port", str(port)],
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    try:
        if not wait_until(lambda: accepts(port), timeout_seconds=15):
            raise RuntimeError("the bare server did not start")
        yield BareServer(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _gateway(stack: Stack, settings: Mapping[str, str]) -> Program:
    own = {
        "PORT": stack.plan.ports.gateway,
        "OPERATIONS_PORT": stack.plan.ports.gateway_operations,
        **{name.upper(): value for name, value in settings.items()},
    }
    return Program(
        "gateway",
        module="gateway",
        environment={
            **stack.shared_environment(),
            **{f"POSTERN_GATEWAY_{name}": str(value) for name, value in own.items()},
        },
        log_dir=_log_dir(stack),
    )


def _log_dir(stack: Stack) -> Path:
    log_dir = stack.plan.directory / "logs"
    log_dir.mkdir(exist_ok=True)
    return log_dir
