"""The whole worker in this process, over real queues."""

import asyncio
import base64
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import httpx
import pytest

from shared.embedded.ports import free_port
from shared.errors import ConfigurationError
from shared.queue.topics import ensure_topic
from shared.settings import load
from tests.integration.worker.world import DEVICE_BODY, Ledger, until
from worker.app import run
from worker.settings import WorkerSettings

_STOP_SECONDS = 10.0


def _settings(database_url: str, **others: str) -> WorkerSettings:
    return load(
        WorkerSettings,
        {
            "POSTERN_DATABASE_URL": database_url,
            "POSTERN_MASTER_KEYS": "k:" + base64.b64encode(bytes(32)).decode(),
            "POSTERN_WORKER_OPERATIONS_PORT": str(free_port()),
            **others,
        },
    )


@asynccontextmanager
async def _running(settings: WorkerSettings) -> AsyncIterator[None]:
    """Run a worker for the length of a block; it then has to stop within seconds."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(run(settings, stop))
        try:
            yield
        finally:
            stop.set()
            async with asyncio.timeout(_STOP_SECONDS):
                await worker


async def _all_done(ledger: Ledger) -> bool:
    open_count = await ledger.pool.fetchval(
        "select count(*) from postern.deliveries where dispatch_status = 'pending'"
    )
    return open_count == 0 and not await ledger.outbox()


@pytest.mark.usefixtures("client_id")
async def test_worker_empties_the_outbox(ledger: Ledger, database_url: str) -> None:
    """What a gateway recorded is handled, and the worker says so on its operations port."""
    for number in range(20):
        await ledger.record({**DEVICE_BODY, "device": {"id": f"dev-{number}"}})
    settings = _settings(database_url)
    operations = f"http://127.0.0.1:{settings.operations_port}"
    async with _running(settings), httpx.AsyncClient(base_url=operations) as client:
        await until(lambda: _all_done(ledger))
        ready = await client.get("/readyz")
        metrics = (await client.get("/metrics")).text
    assert len(await ledger.assets()) == 20
    assert (ready.status_code, ready.json()["checks"]["database"]) == (200, "ok")
    assert 'postern_worker_deliveries_total{outcome="dispatched"}' in metrics


@pytest.mark.usefixtures("client_id")
async def test_worker_announces_its_actions(ledger: Ledger, database_url: str) -> None:
    """The catalogue has the bundled action with its target fields."""

    async def definition() -> object:
        return await ledger.pool.fetchval(
            "select definition from postern.action_catalog where name = 'upsertAssetByExternalId'"
        )

    async with _running(_settings(database_url)):
        await until(definition)


@pytest.mark.usefixtures("client_id")
async def test_worker_takes_deliveries_from_kafka(
    ledger: Ledger, database_url: str, kafka_bootstrap: str
) -> None:
    """With Kafka the relay sends what waits in the outbox, and the consumer handles it."""
    topic = f"worker-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, topic, partitions=2)
    for number in range(5):
        await ledger.record({**DEVICE_BODY, "device": {"id": f"dev-{number}"}})
    settings = _settings(
        database_url,
        POSTERN_QUEUE_URL=f"kafka://{kafka_bootstrap}",
        POSTERN_KAFKA_TOPIC=topic,
        POSTERN_WORKER_KAFKA_GROUP=topic,
        POSTERN_KAFKA_PARTITIONS="2",
        POSTERN_KAFKA_REPLICATION_FACTOR="1",
        POSTERN_KAFKA_MIN_INSYNC_REPLICAS="1",
    )
    async with _running(settings):
        await until(lambda: _all_done(ledger), seconds=40)
    assert len(await ledger.assets()) == 5


async def test_worker_ends_when_a_part_of_it_dies(ledger: Ledger, database_url: str) -> None:
    """A duty that fails for good stops the whole program; nothing goes on half."""
    await ledger.pool.execute("revoke insert on postern.action_catalog from postern_system")
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(20):
            await run(_settings(database_url), asyncio.Event())
    assert raised.group_contains(asyncpg.InsufficientPrivilegeError)


# The refusal may cancel the driver in the middle of connecting, and it then leaves a connection to
# the collector: here, not in whichever test comes after.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_worker_refuses_a_topic_that_breaks_a_promise(
    database_url: str, kafka_bootstrap: str
) -> None:
    """It ends with every setting that is wrong; with no broker to ask it would have gone on."""
    topic = f"worker-{uuid4().hex}"
    await ensure_topic(kafka_bootstrap, topic, partitions=2)
    settings = _settings(
        database_url,
        POSTERN_QUEUE_URL=f"kafka://{kafka_bootstrap}",
        POSTERN_KAFKA_TOPIC=topic,
        POSTERN_WORKER_KAFKA_GROUP=topic,
    )
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(30):
            await run(settings, asyncio.Event())
    assert raised.group_contains(ConfigurationError, match="partitions is 2, wanted is 12")
    assert raised.group_contains(ConfigurationError, match="replication factor is 1, wanted is 3")
    del raised
    gc.collect()


@pytest.mark.usefixtures("ledger")
async def test_worker_waits_for_a_broker_that_is_away(database_url: str) -> None:
    """Nobody to ask is no refusal: it runs until it is told to stop."""
    absent = f"kafka://127.0.0.1:{free_port()}"
    async with _running(_settings(database_url, POSTERN_QUEUE_URL=absent)):
        await asyncio.sleep(1.0)
