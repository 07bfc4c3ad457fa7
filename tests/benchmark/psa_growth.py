"""Upserts of assets in a store with a million assets and mappings beside those in an empty one.

Two databases of one server take turns, delivery by delivery, so that whatever else the machine
does slows both alike. Deliveries are recorded as by a gateway and then handled by a worker's
processor: mapping, claim, upsert, event, outcome and a commit with its flush. Half of them create
assets, half change assets that are there, anywhere in the store.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from time import perf_counter

import asyncpg
import psycopg

from shared.database.migrate import migrate
from shared.database.pool import TENANT_ROLE, create_pool
from shared.domain.delivery import QueuedDelivery
from shared.embedded.postgres import EmbeddedPostgres
from shared.expressions.sandbox import Sandbox
from tests.benchmark.report import print_machine, print_table, spread
from tests.conftest import in_database
from tests.integration.worker.world import Ledger, build_processor
from worker.actions import assets
from worker.actions.registry import Registry

_BOUND = 1.3
#: Paths alone, so that no sandbox is in the figures.
_MAPPING = {
    "external_id": "device.id",
    "client_external_id": "organization.id",
    "name": "device.hostname",
    "serial_number": "device.serial",
    "status": "device.status",
    "rmm_snapshot": "$",
}
_WARM_UP = 50
_FILL = """
create temporary table made as
    select n, uuidv7() as asset_id from generate_series(1, $1::integer) n
"""
_FILL_ASSETS = """
insert into psa.assets (
    tenant_id, asset_id, client_id, asset_type, name, serial_number, status, rmm_snapshot)
select $1, asset_id, $2, 'server', 'host-' || n, 'SN-' || n, 'online',
       json_build_object('device', json_build_object('id', 'old-' || n))
from made
"""
_FILL_MAPPINGS = """
insert into postern.external_entity_mappings (
    tenant_id, webhook_id, entity_type, external_id, realm, entity_id)
select $1, $2, 'asset', 'old-' || n, '', asset_id from made
"""


class Store:
    """One tenant's store in a database of its own, with the worker that writes it."""

    def __init__(self, dsn: str, *, rows: int) -> None:
        self._dsn = dsn
        self._rows = rows
        self._made = 0
        self._random = random.Random(1)
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Fill the store and start its worker's processor."""
        pool = await self._stack.enter_async_context(
            asyncpg.create_pool(self._dsn, min_size=0, max_size=1)
        )
        self._ledger = Ledger(pool)
        await self._ledger.insert_tenant()
        await self._ledger.insert_webhook(field_mapping=_MAPPING)
        client_id = await self._ledger.insert_client(external_id="org-1")
        tenant_pool = await self._stack.enter_async_context(
            await create_pool(
                self._dsn, role=TENANT_ROLE, application_name="growth", size=1, keeps_plans=True
            )
        )
        registry = Registry()
        registry.add_module(assets)
        self._processor = build_processor(tenant_pool, Sandbox(size=1), registry)
        for delivery in await self.recorded(self.new, _WARM_UP):  # by plans for an empty store
            await self.milliseconds(delivery)
        async with pool.acquire() as owner:
            await owner.execute("set session_replication_role = replica")
            await owner.execute(_FILL, self._rows, timeout=300)
            await owner.execute(_FILL_ASSETS, self._ledger.tenant_id, client_id, timeout=300)
            ids = (self._ledger.tenant_id, self._ledger.webhook_id)
            await owner.execute(_FILL_MAPPINGS, *ids, timeout=300)
            await owner.execute("reset session_replication_role")
            await owner.execute("vacuum analyze", timeout=300)
            await owner.execute("checkpoint", timeout=300)

    async def close(self) -> None:
        """Let its connections go."""
        await self._stack.aclose()

    async def recorded(self, name: Callable[[], str], count: int) -> list[QueuedDelivery]:
        """Return so many deliveries about assets of these names, as a gateway records them."""
        return [await self._ledger.record(self._body(name())) for _ in range(count)]

    async def milliseconds(self, delivery: QueuedDelivery) -> float:
        """Handle a delivery; return how long it took."""
        began = perf_counter()
        await self._processor.process(delivery)
        return (perf_counter() - began) * 1000

    async def check(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Raise unless all of them had their effect."""
        for delivery in deliveries:
            row = await self._ledger.delivery(delivery)
            if row["dispatch_status"] != "dispatched":
                raise RuntimeError(f"a delivery was not handled: {row['handler_outcome']}")

    async def count(self) -> int:
        """Return how many assets there are."""
        number: int = await self._ledger.pool.fetchval("select count(*) from psa.assets")
        return number

    def new(self) -> str:
        """Return the name of an asset that is not there yet."""
        self._made += 1
        return f"new-{self._made}"

    def old(self) -> str:
        """Return an asset's name, of any page of the store."""
        if self._rows:
            return f"old-{self._random.randint(1, self._rows)}"
        return f"new-{self._random.randint(1, self._made)}"

    def _body(self, name: str) -> dict[str, object]:
        status = self._random.choice(["online", "offline"])
        device = {"id": name, "hostname": name, "serial": f"SN {name}", "status": status}
        return {"device": device, "organization": {"id": "org-1"}}


async def _turns(stores: Sequence[Store], *, is_new: bool, count: int) -> list[float]:
    """Return each store's median milliseconds; they take turns, delivery by delivery."""
    queues = [await store.recorded(store.new if is_new else store.old, count) for store in stores]
    times: list[list[float]] = [[] for _ in stores]
    for turn in range(count):
        for place in (0, 1) if turn % 2 else (1, 0):
            times[place].append(await stores[place].milliseconds(queues[place][turn]))
    for store, queue in zip(stores, queues, strict=True):
        await store.check(queue)
    return list(map(median, times))


async def _run(dsn: str, *, rows: int, rounds: int, count: int) -> bool:
    databases = (("psa_empty", 0), ("psa_full", rows))
    stores = [Store(in_database(dsn, name), rows=number) for name, number in databases]
    for store in stores:
        await store.open()
    table, kept = [], True
    taken = {
        what: [await _turns(stores, is_new=is_new, count=count) for _ in range(rounds)]
        for what, is_new in (("creating", True), ("changing", False))
    }
    counts = [await store.count() for store in stores]
    print(f"{counts[0]:,} assets in the one store, {counts[1]:,} in the other")
    for store in stores:
        await store.close()
    for what, results in taken.items():
        ratios = [full / empty for empty, full in results]
        kept = kept and median(ratios) <= _BOUND
        table += [
            (f"{what} an asset, full / empty", spread(ratios), f"{_BOUND:g} or less"),
            (f"{what}, empty", spread([empty for empty, _ in results]) + " ms", ""),
            (f"{what}, full", spread([full for _, full in results]) + " ms", ""),
        ]
    print_table(f"upserts by external id beside {rows:,} assets and mappings", table)
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when the bound is missed."""
    parser = argparse.ArgumentParser(prog="tests.benchmark.psa_growth", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--deliveries", type=int, default=300, help="of a kind, round and store")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedPostgres(Path(directory) / "data", settings={"min_wal_size": "1GB"}) as server,
    ):
        for name in ("psa_empty", "psa_full"):
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(f"create database {name}".encode())
            migrate(in_database(server.dsn(), name))
        print_machine(Path(directory))
        kept = asyncio.run(
            _run(
                server.dsn(),
                rows=options.rows,
                rounds=options.rounds,
                count=options.deliveries,
            )
        )
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
