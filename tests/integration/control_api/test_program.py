"""The control API as a process."""

import asyncio
import base64
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest

from shared.database.pool import Connection
from tests.integration.control_api.test_webhooks import PATH, REFERENCE

MASTER_KEY = base64.b64encode(bytes(32)).decode()


@pytest.fixture
def environment(database_url: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "POSTERN_DATABASE_URL": database_url,
        "POSTERN_MASTER_KEYS": f"k:{MASTER_KEY}",
        "POSTERN_CONTROL_API_PORT": str(_free_port()),
        "POSTERN_CONTROL_API_OPERATIONS_PORT": str(_free_port()),
    }


async def test_program_when_walked_through(
    environment: dict[str, str], superuser: Connection
) -> None:
    """A bootstrapped key creates a webhook in a served program, which then stops in peace."""
    made = orjson.loads(await _bootstrap(environment))
    assert made.keys() == {"tenant_id", "tenant_slug", "api_key"}
    async with served(environment) as (process, api, operations):
        headers = {"x-api-key": made["api_key"]}
        created = await api.post(PATH, json=REFERENCE, headers=headers)
        assert created.status_code == 201
        assert created.json()["data"]["receiver_url"].startswith("http://127.0.0.1:8080/api/inb")
        head = await api.head(PATH, headers=headers)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 0
        export = await api.head("/api/v1/audit-events/export", headers=headers)
        assert export.status_code == 200
        assert (await operations.get("/livez")).status_code == 200
        metrics = (await operations.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0
    assert (
        'postern_control_api_requests_total{method="POST",route="/api/v1/inbound-webhooks",'
        'status="201"} 1.0' in metrics
    )
    lines = [orjson.loads(line) for line in output.splitlines()]
    answered = [line for line in lines if line.get("method") == "POST"]
    assert [line["status"] for line in answered] == [201]
    assert answered[0]["request_id"] == created.headers["x-request-id"]
    for secret in (REFERENCE["auth_config"]["secret"], made["api_key"], MASTER_KEY):
        assert secret not in output.decode()
        assert secret not in metrics


async def test_bootstrap_when_run_twice(
    environment: dict[str, str], superuser: Connection
) -> None:
    """The tenant is made once, each run makes a new key."""
    runs = [orjson.loads(await _bootstrap(environment)) for _ in range(2)]
    assert runs[0]["tenant_id"] == runs[1]["tenant_id"]
    assert runs[0]["api_key"] != runs[1]["api_key"]
    assert await superuser.fetchval("select count(*) from postern.tenants") == 1
    assert await superuser.fetchval("select count(*) from postern.api_keys") == 2


async def test_bootstrap_when_the_slug_is_none(environment: dict[str, str]) -> None:
    """A slug that fits no URL is refused in one sentence."""
    status, _, errors = await _run(
        environment, "control_api.bootstrap", "--tenant-slug", "De Mo", "--tenant-name", "Demo"
    )
    assert status == 2
    assert errors.startswith(b"'De Mo' is no slug")


async def test_check_config_when_asked_for(environment: dict[str, str]) -> None:
    """Effective values are printed, secrets masked; nothing is started."""
    status, output, _ = await _run(environment, "control_api", "--check-config")
    assert status == 0
    assert b"POSTERN_MASTER_KEYS=***\n" in output
    assert b"POSTERN_CONTROL_API_POOL_SIZE=8\n" in output
    assert MASTER_KEY.encode() not in output


async def test_program_when_settings_are_faulty(environment: dict[str, str]) -> None:
    """Every fault is told, and the program does not start."""
    del environment["POSTERN_DATABASE_URL"]
    environment["POSTERN_CONTROL_API_PROT"] = "1"
    status, _, errors = await _run(environment, "control_api")
    assert status == 2
    assert len(errors.splitlines()) == 2


async def _bootstrap(environment: dict[str, str]) -> bytes:
    status, output, errors = await _run(
        environment, "control_api.bootstrap", "--tenant-slug", "demo", "--tenant-name", "Demo"
    )
    assert status == 0, errors
    return output


async def _run(environment: dict[str, str], *arguments: str) -> tuple[int | None, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, output, errors


@asynccontextmanager
async def served(
    environment: dict[str, str],
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient, httpx.AsyncClient]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "control_api", env=environment, stdout=asyncio.subprocess.PIPE
    )
    base = "http://127.0.0.1:"
    try:
        async with (
            httpx.AsyncClient(base_url=base + environment["POSTERN_CONTROL_API_PORT"]) as api,
            httpx.AsyncClient(
                base_url=base + environment["POSTERN_CONTROL_API_OPERATIONS_PORT"]
            ) as operations,
        ):
            async with asyncio.timeout(30):
                while not (await _answers(operations, 200) and await _answers(api, 404)):  # noqa: ASYNC110 - another process has no event to wait for
                    await asyncio.sleep(0.05)
            yield process, api, operations
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _answers(client: httpx.AsyncClient, status: int) -> bool:
    try:
        return (await client.get("/readyz")).status_code == status
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
