"""Conditional requests on webhooks: nobody overwrites what somebody else has changed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from control_api.access import Services
from control_api.app import build_app
from shared.database.pool import Connection
from shared.observability.serving import serve
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.test_webhooks import PATH, REFERENCE, webhook_body

_WRITERS = 50
_RETRYING_AT_ONCE = 2


@asynccontextmanager
async def served(services: Services, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the API over sockets; yield a client with a connection for each writer."""
    stop = asyncio.Event()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(
        build_app(services), host="127.0.0.1", port=port, log_config=None, lifespan="off"
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(config, stop))
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"x-api-key": key},
            limits=httpx.Limits(max_connections=_WRITERS),
            timeout=30,
        ) as client:
            async with asyncio.timeout(10):
                while not await _answers(client):  # noqa: ASYNC110 - uvicorn has no event to wait for
                    await asyncio.sleep(0.01)
            yield client
        stop.set()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/")).status_code == 404
    except httpx.TransportError:
        return False


async def _made(acme: Tenant) -> tuple[str, str]:
    """Create a webhook; return its path and its tag."""
    response = await acme.http.post(PATH, json=REFERENCE)
    assert response.status_code == 201
    return f"{PATH}/{response.json()['data']['inbound_webhook_id']}", response.headers["etag"]


async def test_fifty_writers_when_each_reads_changes_and_writes(
    services: Services, acme: Tenant
) -> None:
    """Of fifty that read the same version one writes, the others are told 412; none is lost."""
    path, _ = await _made(acme)
    all_have_read = asyncio.Barrier(_WRITERS)
    retries = asyncio.Semaphore(_RETRYING_AT_ONCE)

    async def read_and_write(
        http: httpx.AsyncClient, writer: int, *, barrier: asyncio.Barrier | None = None
    ) -> int:
        read = await http.get(path)
        webhook = read.json()["data"]
        if barrier is not None:
            await barrier.wait()
        webhook["description"] = f"{webhook['description'] or ''} {writer}"
        written = await http.put(path, json=webhook, headers={"if-match": read.headers["etag"]})
        return written.status_code

    async def write_until_it_lands(http: httpx.AsyncClient, writer: int) -> list[int]:
        told = [await read_and_write(http, writer, barrier=all_have_read)]
        async with retries:
            while told[-1] == 412:
                told.append(await read_and_write(http, writer))
        return told

    async with asyncio.timeout(60), served(services, acme.key) as http:
        writers = (write_until_it_lands(http, writer) for writer in range(_WRITERS))
        told = await asyncio.gather(*writers)
    first = [statuses[0] for statuses in told]
    assert (first.count(200), first.count(412)) == (1, _WRITERS - 1)
    assert {status for statuses in told for status in statuses} == {200, 412}
    webhook = (await acme.get(path))["data"]
    assert sorted(map(int, webhook["description"].split())) == list(range(_WRITERS))
    assert webhook["version"] == 1 + _WRITERS


async def test_two_writers_when_none_demands_anything(acme: Tenant) -> None:
    """Without If-Match the last writer wins: this is what the bound above would show."""
    path, _ = await _made(acme)
    read = (await acme.get(path))["data"]
    await acme.put(path, read | {"name": "First"})
    await acme.put(path, read | {"description": "Second"})
    webhook = (await acme.get(path))["data"]
    assert (webhook["name"], webhook["description"]) == (REFERENCE["name"], "Second")


@pytest.mark.parametrize(
    ("method", "end", "body"),
    [
        ("PUT", "", REFERENCE),
        ("PATCH", "", {"name": "Other"}),
        ("POST", "/enable", None),
        ("POST", "/disable", None),
        ("POST", "/rotate-secret", None),
        ("DELETE", "", None),
    ],
)
async def test_changes_when_somebody_came_first(
    acme: Tenant, superuser: Connection, method: str, end: str, body: dict[str, Any] | None
) -> None:
    """Every change of a webhook is refused on a stale or weak tag, and made on the present one."""
    path, stale = await _made(acme)
    present = (await acme.http.patch(path, json={"is_active": False})).headers["etag"]
    stored = await superuser.fetchrow("select * from postern.webhooks")
    for tag in (stale, f"W/{present}", '"1"', '"x"', '""', '"1-2", W/"2"'):
        refused = await acme.http.request(method, path + end, json=body, headers={"if-match": tag})
        assert refused.status_code == 412, tag
        assert refused.json()["code"] == "precondition_failed"
        assert "version 2" in refused.json()["detail"]
    assert await superuser.fetchrow("select * from postern.webhooks") == stored
    made = await acme.http.request(
        method, path + end, json=body, headers={"if-match": f'"0-x", {present}'}
    )
    assert made.is_success, made.text


@pytest.mark.parametrize("condition", [{}, {"if-match": "*"}, {"if-match": ' "1" '}])
async def test_change_when_the_condition_holds(acme: Tenant, condition: dict[str, str]) -> None:
    """No header and ``*`` demand nothing; a tag may be made up from the version alone."""
    path, _ = await _made(acme)
    changed = await acme.http.patch(path, json={"name": "Other"}, headers=condition)
    assert changed.status_code == 200
    assert changed.headers["etag"].startswith('"2-')


async def test_condition_when_it_is_malformed(acme: Tenant) -> None:
    """What is no tag is refused, not passed over: its sender thinks that it protects him."""
    path, _ = await _made(acme)
    for tag in ("1", '"1', '"1" "2"', "W/*"):
        refused = await acme.http.delete(path, headers={"if-match": tag})
        assert refused.status_code == 422, tag
        assert refused.json()["errors"][0]["field"] == "If-Match"


async def test_condition_when_the_webhook_is_not_ours(acme: Tenant, rival: Tenant) -> None:
    """A foreign webhook is 404, whatever the tag: 412 would tell that it is there."""
    path, tag = await _made(acme)
    for condition in (tag, '"9"', "*"):
        refused = await rival.http.patch(path, json={}, headers={"if-match": condition})
        assert refused.status_code == 404


async def test_tag_when_asked_for_again(acme: Tenant) -> None:
    """A known answer is 304 without a body; a new version and an armed capture change the tag."""
    path, made = await _made(acme)
    read = await acme.http.get(path)
    assert read.headers["etag"] == made
    for known in (made, f"W/{made}", f'"x", {made}', "*"):
        unchanged = await acme.http.get(path, headers={"if-none-match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == made
    armed = await acme.http.post(f"{path}/capture-sample")
    assert armed.headers["etag"] != made
    assert armed.headers["etag"].partition("-")[0] == made.partition("-")[0]
    changed = await acme.http.patch(path, json={"name": "Other"}, headers={"if-match": made})
    assert changed.status_code == 200
    for known in (made, armed.headers["etag"]):
        assert (await acme.http.get(path, headers={"if-none-match": known})).status_code == 200


async def test_tag_when_webhooks_answer(acme: Tenant) -> None:
    """Every answer that shows one webhook has the tag that a GET has next."""
    path, _ = await _made(acme)
    for method, end, body in (
        ("PUT", "", webhook_body(name="Other")),
        ("PATCH", "", {"name": "Another"}),
        ("POST", "/disable", None),
        ("POST", "/enable", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/capture-sample", None),
        ("DELETE", "/capture-sample", None),
    ):
        answered = await acme.http.request(method, path + end, json=body)
        assert answered.status_code == 200
        assert answered.headers["etag"] == (await acme.http.get(path)).headers["etag"], end
