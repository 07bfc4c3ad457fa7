"""The gateway as a process: told to stop, it answers what is under way and ends well."""

import asyncio
import base64
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.local.program import Program
from shared.embedded.ports import free_port
from tests.integration.gateway.raw import connected, request
from tests.integration.gateway.world import Ledger, eventually


@asynccontextmanager
async def _process(ledger: Ledger, directory: Path, port: int) -> AsyncIterator[Program]:
    keys = ledger.keyring.keys.items()
    environment = {
        "POSTERN_DATABASE_URL": ledger.database_url,
        "POSTERN_MASTER_KEYS": ",".join(
            f"{name}:{base64.b64encode(key).decode()}" for name, key in keys
        ),
        "POSTERN_GATEWAY_PORT": str(port),
        "POSTERN_GATEWAY_OPERATIONS_PORT": str(free_port()),
        "POSTERN_GATEWAY_DEADLINE_SECONDS": "5",
        "POSTERN_GATEWAY_DRAIN_SECONDS": "5",
    }
    program = Program("gateway", module="gateway", environment=environment, log_dir=directory)
    program.start()
    try:
        await asyncio.to_thread(program.wait_ready)
        yield program
    finally:
        await asyncio.to_thread(program.kill)


async def _ends(program: Program) -> int:
    async def has_ended() -> bool:
        return program.exit_code is not None

    await eventually(has_ended)
    assert program.exit_code is not None
    return program.exit_code


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_stop_when_requests_are_under_way(
    ledger: Ledger, tmp_path: Path, signum: signal.Signals
) -> None:
    """What was begun is answered and recorded; idle and silent connections hold nothing up."""
    await ledger.insert_webhook()
    port = free_port()
    whole = request(b'{"half": "sent"}')
    async with (
        _process(ledger, tmp_path, port) as program,
        connected(port) as idle,
        connected(port) as silent,
        connected(port) as half,
    ):
        await idle.send(request(b'{"before": 1}'))
        assert (await idle.read_answer())[0] == 200
        await half.send(whole[:-5])
        # Once another request on a new connection is answered, the half one has been read.
        async with connected(port) as other:
            await other.send(request(b'{"other": 1}'))
            assert (await other.read_answer())[0] == 200
        os.kill(program.pid, signum)
        assert await idle.read_to_end() == b""
        assert await silent.read_to_end() == b""
        await half.send(whole[-5:])
        assert (await half.read_answer())[0] == 200
        assert await _ends(program) == 0
        log = program.log_tail(100_000)
    assert "Traceback" not in log
    assert '"error"' not in log
    bodies = {row["request_body"] for row in await ledger.deliveries()}
    assert bodies == {b'{"before": 1}', b'{"other": 1}', b'{"half": "sent"}'}
    assert await ledger.count("outbox") == 3


async def test_stop_when_a_sender_never_ends(ledger: Ledger, tmp_path: Path) -> None:
    """A half request holds the stop up for the drain time and no longer."""
    await ledger.insert_webhook()
    port = free_port()
    async with _process(ledger, tmp_path, port) as program, connected(port) as half:
        await half.send(request()[:-1])
        await asyncio.sleep(0.2)  # let it be read: nothing tells from outside
        started = asyncio.get_running_loop().time()
        os.kill(program.pid, signal.SIGTERM)
        assert await _ends(program) == 0
        assert asyncio.get_running_loop().time() - started < 10
    assert await ledger.deliveries() == []
