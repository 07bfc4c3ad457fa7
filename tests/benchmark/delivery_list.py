"""Lists of deliveries, the first page and page 1,000, at the database and at the API.

Run as ``python -m tests.benchmark.delivery_list``. At the database a figure is the time of all
statements of a page on one connection; at the API that of the request over TCP, its client, the
API and PostgreSQL sharing the cores. ``--directory`` keeps what was generated for another run.
"""

import argparse
import asyncio
import base64
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from time import perf_counter
from uuid import UUID

import asyncpg
import httpx
import uvicorn
import uvloop

from control_api.access import Services
from control_api.app import build_app
from control_api.authentication import Authenticator
from control_api.bootstrap import bootstrap_tenant
from control_api.pagination import encode_cursor
from shared.crypto.keyring import parse_keyring
from shared.database.migrate import migrate
from shared.database.pool import (
    OPERATOR_ROLE,
    SYSTEM_ROLE,
    TENANT_ROLE,
    Pool,
    create_pool,
    tenant_transaction,
)
from shared.domain.identifiers import TenantId
from shared.embedded.ports import free_port
from shared.embedded.postgres import EmbeddedPostgres
from shared.ledger.delivery_search import PLAN_ONCE, DeliveryConditions, DeliverySearch
from shared.observability.logging import configure_logging
from shared.observability.serving import serve
from tests.benchmark.delivery_seeding import BUSY_WEBHOOKS, TENANT_ID, seed_deliveries
from tests.benchmark.report import print_machine, print_table

_PAGE = 25
_DEEP = 999 * _PAGE
_DATABASE_BOUND_MS = 10.0
_API_BOUND_MS = 25.0
_WARM_UP = 20
_DEEP_OF_ALL = """
select delivery_id from postern.deliveries where tenant_id = $1
order by delivery_id desc offset $2 limit 1
"""
_DEEP_OF_ONE = """
select delivery_id from postern.deliveries where tenant_id = $1 and webhook_id = $3
order by delivery_id desc offset $2 limit 1
"""
_KEYS = "bench:" + base64.b64encode(bytes(32)).decode()
_FILTERS: Mapping[str, Mapping[str, str]] = {
    "": {},
    ", failed": {"status": "failed"},
    ", one outcome": {"outcome": "lookup_miss"},
}
_CONDITIONS = {
    "": DeliveryConditions(),
    ", failed": DeliveryConditions(dispatch_status="failed"),
    ", one outcome": DeliveryConditions(outcome="lookup_miss"),
}


@dataclass(frozen=True, slots=True)
class _Case:
    """Pages that are asked for in turn: each of a webhook or of all, after a delivery."""

    name: str
    filter: str
    pages: Sequence[tuple[UUID | None, UUID | None]]


async def _cases(dsn: str, webhook_count: int, chance: Random) -> list[_Case]:
    owner = await asyncpg.connect(dsn)
    await owner.execute("set enable_seqscan = off")
    busy = [_webhook(number) for number in range(BUSY_WEBHOOKS)]
    some = [_webhook(chance.randrange(BUSY_WEBHOOKS, webhook_count)) for _ in range(200)]
    across = await owner.fetchval(_DEEP_OF_ALL, TENANT_ID, _DEEP)
    of_webhook = [
        await owner.fetchval(_DEEP_OF_ONE, TENANT_ID, _DEEP, webhook) for webhook in busy
    ]
    await owner.close()
    cases = []
    for name in _FILTERS:
        cases += [
            _Case(f"all webhooks{name}, first page", name, [(None, None)]),
            _Case(f"all webhooks{name}, page 1,000", name, [(None, across)]),
            _Case(f"one of many webhooks{name}, first page", name, [(one, None) for one in some]),
            _Case(f"a busy webhook{name}, first page", name, [(one, None) for one in busy]),
            _Case(
                f"a busy webhook{name}, page 1,000",
                name,
                [page for page in zip(busy, of_webhook, strict=True) if page[1] is not None],
            ),
        ]
    return [case for case in cases if case.pages]


def _webhook(number: int) -> UUID:
    return UUID(f"00000000-0000-7000-9000-{number:012x}")


async def _times(
    page: Callable[[UUID | None, UUID | None], Awaitable[None]], case: _Case, count: int
) -> list[float]:
    """Return the milliseconds of pages that have been read before.

    What is newest is in memory where it is being written; here PostgreSQL has just been started.
    """
    times = []
    warm_up = max(_WARM_UP, len(case.pages))
    for number in range(count + warm_up):
        webhook_id, after = case.pages[number % len(case.pages)]
        began = perf_counter()
        await page(webhook_id, after)
        times.append((perf_counter() - began) * 1000)
    return times[warm_up:]


async def _at_database(pool: Pool, case: _Case, count: int) -> list[float]:
    async def page(webhook_id: UUID | None, after: UUID | None) -> None:
        search = DeliverySearch(connection, TenantId(TENANT_ID), webhook_id)
        await search.newest(_CONDITIONS[case.filter], before=after, limit=_PAGE + 1)

    async with tenant_transaction(pool, TENANT_ID, first=PLAN_ONCE) as connection:
        return await _times(page, case, count)


async def _at_api(http: httpx.AsyncClient, case: _Case, count: int) -> list[float]:
    async def page(webhook_id: UUID | None, after: UUID | None) -> None:
        params = {"limit": str(_PAGE), **_FILTERS[case.filter]}
        if after is not None:
            params["cursor"] = encode_cursor(after)
        path = "/api/v1/deliveries"
        if webhook_id is not None:
            path = f"/api/v1/inbound-webhooks/{webhook_id}/deliveries"
        response = await http.get(path, params=params)
        assert response.status_code == 200, response.text
        assert response.json()["data"], "an empty page measures nothing"

    return await _times(page, case, count)


async def _run(dsn: str, arguments: argparse.Namespace) -> bool:
    cases = await _cases(dsn, arguments.webhooks, Random(1))
    stop = asyncio.Event()
    port = free_port()
    async with AsyncExitStack() as stack:
        tenant_pool, operator_pool, key_pool = [
            await stack.enter_async_context(
                await create_pool(dsn, role=role, application_name="list-benchmark", size=2)
            )
            for role in (TENANT_ROLE, OPERATOR_ROLE, SYSTEM_ROLE)
        ]
        services = Services(
            tenant_pool=tenant_pool,
            operator_pool=operator_pool,
            authenticator=Authenticator(key_pool),
            keyring=parse_keyring(_KEYS),
            public_gateway_url="http://gateway",
            max_body_bytes=1024,
        )
        owner = await asyncpg.connect(dsn)
        made = await bootstrap_tenant(owner, slug="bench", name="Benchmark")
        await owner.close()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        config = uvicorn.Config(
            build_app(services), port=port, lifespan="off", http="httptools", log_config=None
        )
        group.create_task(serve(config, stop))
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": made.api_key}
            )
        )
        rows, kept = [], True
        for case in cases:
            database = quantiles(await _at_database(tenant_pool, case, arguments.pages), n=100)
            api = quantiles(await _at_api(http, case, arguments.pages), n=100)
            kept &= database[98] <= _DATABASE_BOUND_MS and api[98] <= _API_BOUND_MS
            rows.append((case.name, f"{_shown(database)}; {_shown(api)}", "10 ms; 25 ms"))
        stop.set()
    print_table(
        f"{arguments.deliveries:,} deliveries, {arguments.webhooks:,} webhooks, pages of {_PAGE}",
        rows,
        result="p50 / p99 at the database; at the API",
    )
    return kept


def _shown(cuts: Sequence[float]) -> str:
    return f"{cuts[49]:.1f} / {cuts[98]:.1f} ms"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status: 1 when a bound is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark.delivery_list", description=__doc__
    )
    parser.add_argument("--deliveries", type=int, default=10_000_000)
    parser.add_argument("--webhooks", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=300, help="that are read in each case")
    parser.add_argument("--directory", type=Path, help="keeps the database for another run")
    parser.add_argument("--only-generate", action="store_true")
    arguments = parser.parse_args(argv)
    configure_logging(level="warning", form="console", program="delivery_list")
    with tempfile.TemporaryDirectory() as temporary:
        directory: Path = arguments.directory or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        done = directory / f"deliveries-{arguments.deliveries}-{arguments.webhooks}"
        # It only reads what it measures; filling need not survive a crash.
        with EmbeddedPostgres(
            directory / "data", settings={"fsync": "off", "max_wal_size": "8GB"}
        ) as server:
            if not done.exists():
                began = perf_counter()
                migrate(server.dsn())
                asyncio.run(
                    seed_deliveries(
                        server.dsn(),
                        count=arguments.deliveries,
                        webhook_count=arguments.webhooks,
                    )
                )
                done.touch()
                print(f"generated in {perf_counter() - began:.0f} s", flush=True)
            if arguments.only_generate:
                return 0
            print_machine(directory)
            return 0 if uvloop.run(_run(server.dsn(), arguments)) else 1


if __name__ == "__main__":
    sys.exit(main())
