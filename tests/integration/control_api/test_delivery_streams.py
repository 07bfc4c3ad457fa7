"""Tails and exports over real HTTP, on real PostgreSQL."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest
import uvicorn

from control_api.access import Services
from control_api.app import build_app
from control_api.streams import Streams
from shared.database.pool import Connection
from shared.domain.identifiers import uuid7
from shared.embedded.ports import free_port
from shared.observability.serving import serve
from tests.integration.control_api.conftest import Tenant, insert_delivery
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body

_TAIL = "/api/v1/deliveries/tail"
_EXPORT = "/api/v1/deliveries/export"
_PATIENCE_SECONDS = 20


@dataclass
class Live:
    """The API as served over TCP."""

    http: httpx.AsyncClient
    stop: asyncio.Event


@pytest.fixture
async def live(services: Services, acme: Tenant) -> AsyncIterator[Live]:
    stop = asyncio.Event()
    port = free_port()
    served = replace(services, streams=Streams(most_per_key=2, stopping=stop))
    config = uvicorn.Config(
        build_app(served), port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=5
    )
    async with (
        asyncio.TaskGroup() as group,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"x-api-key": acme.key},
            timeout=_PATIENCE_SECONDS,
        ) as http,
    ):
        group.create_task(serve(config, stop))
        yield Live(http, stop)
        stop.set()


@dataclass(frozen=True)
class Event:
    """An event, or the mere id that a heartbeat brings."""

    cursor: str
    delivery: dict[str, Any] | None


@asynccontextmanager
async def _opened(
    live: Live, path: str = _TAIL, cursor: str | None = None, **params: str
) -> AsyncIterator[AsyncIterator[Event]]:
    """Open a tail; it follows once it has sent its first id."""
    headers = {} if cursor is None else {"last-event-id": cursor}
    async with live.http.stream("GET", path, params=params, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        events = _events(response)
        if cursor is None:
            await anext(events)
        yield events


async def _events(response: httpx.Response) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif not line and "id" in fields:
            told = orjson.loads(fields["data"]) if "data" in fields else None
            yield Event(fields["id"], told)
            fields = {}


async def _until(
    events: AsyncIterator[Event], enough: Callable[[list[Event]], bool]
) -> list[Event]:
    seen: list[Event] = []
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for event in events:
            seen.append(event)
            if enough(seen):
                return seen
    raise AssertionError(f"the tail ended after {len(seen)} events")


def _ids(events: list[Event]) -> list[str]:
    return [event.delivery["delivery_id"] for event in events if event.delivery is not None]


async def test_tail_when_deliveries_come_and_change(
    live: Live, acme: Tenant, rival: Tenant, superuser: Connection
) -> None:
    """A delivery is told when it is recorded and again when it is finished; no other tenant's."""
    async with _opened(live) as events:
        await insert_delivery(superuser, tenant_id=rival.tenant_id)
        made = await insert_delivery(
            superuser, tenant_id=acme.tenant_id, dispatch_status="pending"
        )
        [recorded] = [one for one in await _until(events, _has_delivery) if one.delivery]
        await superuser.execute(
            "update postern.deliveries set dispatch_status = 'dispatched' where delivery_id = $1",
            made,
        )
        [finished] = [one for one in await _until(events, _has_delivery) if one.delivery]
    assert _ids([recorded, finished]) == [str(made)] * 2
    assert recorded.delivery is not None
    assert finished.delivery is not None
    assert recorded.delivery["dispatch_status"] == "pending"
    assert finished.delivery["dispatch_status"] == "dispatched"


def _has_delivery(seen: list[Event]) -> bool:
    return seen[-1].delivery is not None


async def test_tail_when_narrowed(live: Live, acme: Tenant, superuser: Connection) -> None:
    """One webhook's, and those that match."""
    made = [await acme.post(PATH, REFERENCE, expect=201)]
    made.append(await acme.post(PATH, webhook_body(slug="other"), expect=201))
    first, second = (UUID(one["data"]["inbound_webhook_id"]) for one in made)
    row = {"tenant_id": acme.tenant_id}
    path = f"{PATH}/{first}/deliveries/tail"
    async with _opened(live, path, status="failed") as events:
        await insert_delivery(superuser, **row, webhook_id=first)
        await insert_delivery(superuser, **row, webhook_id=second, dispatch_status="failed")
        wanted = await insert_delivery(
            superuser, **row, webhook_id=first, dispatch_status="failed"
        )
        assert _ids(await _until(events, _has_delivery)) == [str(wanted)]


async def test_tail_when_one_commits_late(
    live: Live, acme: Tenant, superuser: Connection, database_url: str
) -> None:
    """A delivery that is older than what was told, and committed after it, is told as well."""
    late = await asyncpg.connect(database_url)
    transaction = late.transaction()
    await transaction.start()
    late_id = await insert_delivery(late, tenant_id=acme.tenant_id)
    async with _opened(live) as events:
        early_id = await insert_delivery(superuser, tenant_id=acme.tenant_id)
        assert _ids(await _until(events, _has_delivery)) == [str(early_id)]
        await transaction.commit()
        assert _ids(await _until(events, _has_delivery)) == [str(late_id)]
    await late.close()


async def _write(tenant_id: UUID, database_url: str, *, number: int) -> list[str]:
    """Record deliveries in transactions that take their time; return their ids."""
    chance = Random(number)
    made: list[str] = []
    connection = await asyncpg.connect(database_url)
    for _ in range(40):
        ids = [uuid7() for _ in range(chance.randint(1, 3))]
        async with connection.transaction():
            for one in ids:
                await insert_delivery(connection, tenant_id=tenant_id, delivery_id=one)
            await connection.fetchval("select pg_sleep($1)", chance.random() / 40)
        made += map(str, ids)
    await connection.close()
    return made


async def test_tail_when_it_is_cut_again_and_again(
    live: Live, acme: Tenant, superuser: Connection, database_url: str
) -> None:
    """Who resumes from the last id misses nothing and gets nothing twice, whatever goes on."""
    chance = Random(7)
    last = UUID(int=uuid7().int + (60_000 << 80))

    async def write_all() -> list[str]:
        writers = [_write(acme.tenant_id, database_url, number=number) for number in range(6)]
        made = await asyncio.gather(*writers)
        await insert_delivery(superuser, tenant_id=acme.tenant_id, delivery_id=last)
        return [*chain(*made), str(last)]

    async with live.http.stream("GET", _TAIL) as response:
        cursor = (await anext(_events(response))).cursor
    seen: list[str] = []
    async with asyncio.timeout(_PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        writing = group.create_task(write_all())
        while str(last) not in seen:
            part = await _cut_after(live, cursor, count=chance.randint(1, 30), last=str(last))
            seen += _ids(part)
            cursor = part[-1].cursor
    assert sorted(seen) == sorted(writing.result())


async def _cut_after(live: Live, cursor: str, *, count: int, last: str) -> list[Event]:
    async with _opened(live, cursor=cursor) as events:
        return await _until(events, lambda got: len(got) >= count or last in _ids(got))


async def test_tail_when_the_program_stops(live: Live) -> None:
    """It ends as a whole answer, so that the client comes back elsewhere."""
    async with _opened(live) as events:
        live.stop.set()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            assert [event async for event in events if event.delivery] == []


async def test_tail_when_there_are_too_many(live: Live) -> None:
    """A key has so many streams and no more; one that ends makes room."""
    async with _opened(live):
        async with _opened(live):
            response = await live.http.get(_TAIL)
            assert response.status_code == 429
            assert response.headers["retry-after"] == "10"
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                async with live.http.stream("GET", _TAIL) as again:
                    if again.status_code == 200:
                        break


@pytest.mark.parametrize(
    ("cursor", "rule"),
    [
        ("AAAA", "cursor"),
        ("x", "cursor"),
        (base64.urlsafe_b64encode(b"9:3:|5").decode(), "cursor"),
        (base64.urlsafe_b64encode(b"3:9:|5").decode().rstrip("="), "maximum_age"),
    ],
)
async def test_tail_when_its_cursor_is_none(acme: Tenant, cursor: str, rule: str) -> None:
    """What is no cursor, or an old one, is refused with its rule."""
    response = await acme.http.get(_TAIL, params={"after": cursor})
    assert response.status_code == 422
    assert f'"{rule}"' in response.text


async def test_tail_when_a_parameter_is_unknown(acme: Tenant) -> None:
    """A misspelt parameter is refused, and so is a date."""
    for name in ("stauts", "date_from"):
        await acme.get(_TAIL, {name: "2030-01-01"}, expect=422)


@pytest.mark.parametrize("with_bodies", [False, True])
async def test_export_when_streamed(
    acme: Tenant, rival: Tenant, superuser: Connection, with_bodies: bool
) -> None:
    """Every delivery that matches is a line, over several chunks, the newest first."""
    row: dict[str, object] = {"tenant_id": acme.tenant_id, "request_body": b"\xff\x00"}
    count = 450 if not with_bodies else 45
    made = [await insert_delivery(superuser, **row) for _ in range(count)]
    await insert_delivery(superuser, **row, dispatch_status="failed")
    await insert_delivery(superuser, tenant_id=rival.tenant_id)
    params = {"status": "dispatched", "with_bodies": str(with_bodies)}
    response = await acme.http.get(_EXPORT, params=params)
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [orjson.loads(line) for line in response.text.splitlines()]
    assert [line["delivery_id"] for line in lines] == sorted(map(str, made), reverse=True)
    body = base64.b64encode(b"\xff\x00").decode() if with_bodies else None
    assert {line.get("request_body_base64") for line in lines} == {body}
    rest = await acme.http.get(_EXPORT, params=params | {"before": lines[-3]["delivery_id"]})
    assert rest.text.splitlines() == response.text.splitlines()[-2:]
