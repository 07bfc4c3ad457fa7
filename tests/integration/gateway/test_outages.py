"""PostgreSQL stopped, silent or slow: 503 within the deadline, and recovery without a restart."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from shared.crypto.keyring import Keyring
from shared.database.migrate import migrate
from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.processes import children_of
from tests.integration.gateway.world import Gateway, Ledger, answer, eventually, serving
from tests.stopwatch import Stopwatch

#: The promise, and the time that this process needs to notice: it is sender and gateway at once.
_DEADLINE_SECONDS = 1.0
_NOTICE_SECONDS = 0.5


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this test's own, to be stopped at will."""
    with EmbeddedPostgres(tmp_path / "data", settings={"fsync": "off"}) as started:
        migrate(started.dsn())
        yield started


@asynccontextmanager
async def _ledger(server: EmbeddedPostgres, keyring: Keyring) -> AsyncIterator[Ledger]:
    async with asyncpg.create_pool(server.dsn(), min_size=0, max_size=4) as pool:
        ledger = Ledger(pool, keyring, server.dsn())
        await ledger.insert_tenant()
        await ledger.insert_webhook(key={"type": "jsonata", "value": "id"})
        yield ledger


@contextmanager
def _silent(server: EmbeddedPostgres) -> Iterator[None]:
    """Stop every process of the server where it stands: connections stay, nothing answers."""
    assert server.pid is not None
    processes = [server.pid, *children_of(server.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(processes):
            os.kill(pid, signal.SIGCONT)


async def _answer_in_time(gateway: Gateway, body: bytes) -> httpx.Response:
    watch = Stopwatch()
    response = await gateway.post(body)
    assert watch.seconds < _DEADLINE_SECONDS + _NOTICE_SECONDS
    return response


async def _expect_unavailable(gateway: Gateway, name: str) -> None:
    responses = await asyncio.gather(
        *(_answer_in_time(gateway, b'{"id": "%s-%d"}' % (name.encode(), n)) for n in range(10))
    )
    for response in responses:
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        assert answer(response) == {"error": "unavailable"}


async def _is_accepting(gateway: Gateway) -> bool:
    return (await gateway.post(b'{"id": "probe"}')).status_code == 200


async def _connection_count(ledger: Ledger) -> int:
    found: int = await ledger.pool.fetchval(
        "select count(*) from pg_stat_activity where application_name = 'postern-gateway'"
    )
    return found


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_server_when_stopped_and_started_again(
    server: EmbeddedPostgres, keyring: Keyring
) -> None:
    """503 at once while it is away, 200 when it is back, nothing grows from one to the next."""
    async with (
        _ledger(server, keyring) as ledger,
        serving(ledger, deadline_seconds=_DEADLINE_SECONDS) as gateway,
    ):
        await eventually(lambda: _is_accepting(gateway))
        counts = []
        for number in range(5):
            await asyncio.to_thread(server.stop, "fast" if number % 2 else "immediate")
            await _expect_unavailable(gateway, f"away-{number}")
            await asyncio.to_thread(server.start)
            await eventually(lambda: _is_accepting(gateway))
            await eventually(lambda: _is_ready(gateway))
            await ledger.pool.expire_connections()
            counts.append(
                (len(asyncio.all_tasks()), await _connection_count(ledger), _open_files())
            )
        for first, last in zip(counts[1], counts[-1], strict=True):
            assert last <= first + 2, counts
        accepted = await ledger.count("deliveries", "dispatch_status = 'pending'")
        assert await ledger.count("outbox") == accepted


async def test_server_when_silent(server: EmbeddedPostgres, keyring: Keyring) -> None:
    """A server that hangs gives 503 by the deadline, again and again, and 200 afterwards."""
    async with (
        _ledger(server, keyring) as ledger,
        serving(ledger, deadline_seconds=_DEADLINE_SECONDS) as gateway,
    ):
        await eventually(lambda: _is_accepting(gateway))
        counts = []
        for number in range(5):
            with _silent(server):
                await _expect_unavailable(gateway, f"silent-{number}-a")
                await _expect_unavailable(gateway, f"silent-{number}-b")
            await eventually(lambda: _is_accepting(gateway))
            await eventually(lambda: _is_ready(gateway))
            counts.append(
                (len(asyncio.all_tasks()), await _connection_count(ledger), _open_files())
            )
        for first, last in zip(counts[1], counts[-1], strict=True):
            assert last <= first + 2, counts


async def test_malformed_and_refused_when_server_is_silent(
    server: EmbeddedPostgres, keyring: Keyring
) -> None:
    """A body that cannot be recorded is 503, too; who is not let in still gets the empty 401."""
    async with (
        _ledger(server, keyring) as ledger,
        serving(ledger, deadline_seconds=_DEADLINE_SECONDS) as gateway,
    ):
        await eventually(lambda: _is_accepting(gateway))
        with _silent(server):
            malformed = asyncio.gather(*(_answer_in_time(gateway, b"{") for _ in range(3)))
            refused = await gateway.post(b"{}", secret="wrong")
            assert (refused.status_code, refused.content) == (401, b"")
            assert {response.status_code for response in await malformed} == {503}
            # Those that come while the record of the first ones hangs wait no longer.
            assert (await _answer_in_time(gateway, b"{")).status_code == 503
        await eventually(lambda: _is_accepting(gateway))


async def test_limit_when_server_is_silent(server: EmbeddedPostgres, keyring: Keyring) -> None:
    """Where no token is at hand the wait for one ends by the deadline as well."""
    async with (
        _ledger(server, keyring) as ledger,
        serving(ledger, deadline_seconds=_DEADLINE_SECONDS, lease_seconds=0.01) as gateway,
    ):
        await eventually(lambda: _is_accepting(gateway))
        with _silent(server):
            for number in range(3):
                await _expect_unavailable(gateway, f"limited-{number}")
        await eventually(lambda: _is_accepting(gateway))


async def test_start_when_server_is_away(server: EmbeddedPostgres, keyring: Keyring) -> None:
    """A gateway starts without PostgreSQL, says that it is not ready, and becomes so."""
    async with _ledger(server, keyring) as ledger:
        await asyncio.to_thread(server.stop)
        started = asyncio.Event()

        async def start_server() -> None:
            await started.wait()
            await asyncio.to_thread(server.start)

        async with asyncio.TaskGroup() as group:
            group.create_task(start_server())
            asyncio.get_running_loop().call_later(1.0, started.set)
            async with serving(ledger, deadline_seconds=_DEADLINE_SECONDS) as gateway:
                assert started.is_set()
                await eventually(lambda: _is_accepting(gateway))
        assert await ledger.count("deliveries") >= 1


async def test_answer_when_commit_was_lost(server: EmbeddedPostgres, keyring: Keyring) -> None:
    """Connections cut at any moment: every 2xx is recorded once, and nothing is queued twice."""
    async with (
        _ledger(server, keyring) as ledger,
        serving(ledger, deadline_seconds=5.0) as gateway,
    ):
        await eventually(lambda: _is_accepting(gateway))
        accepted: list[str] = []
        stop = asyncio.Event()

        async def send(sender: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                response = await gateway.post(b'{"id": "%d-%d"}' % (sender, number))
                if response.status_code == 200:
                    assert "duplicate" not in answer(response)
                    accepted.append(answer(response)["delivery_id"])

        async with asyncio.TaskGroup() as group:
            for sender in range(6):
                group.create_task(send(sender))
            cuts = 0
            while cuts < 25 or len(accepted) <= 20:
                cuts += 1
                await ledger.pool.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'postern-gateway'"
                )
                await asyncio.sleep(0.1)  # requests meet the cut at many moments
            stop.set()
        rows = await ledger.pool.fetch(
            "select delivery_id::text from postern.deliveries where dispatch_status = 'pending'"
        )
        recorded = {row["delivery_id"] for row in rows}
        assert set(accepted) <= recorded
        assert len(accepted) == len(set(accepted)) > 20
        assert await ledger.count("deliveries", "dispatch_status = 'duplicate'") == 0
        assert await ledger.count("outbox") == len(recorded)


async def _is_ready(gateway: Gateway) -> bool:
    return await gateway.readiness() == 200
