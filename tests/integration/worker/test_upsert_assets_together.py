"""Assets of deliveries that share a transaction: written together, each as though alone."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from shared.database.pool import Pool
from shared.domain.delivery import QueuedDelivery
from shared.expressions.sandbox import Sandbox
from tests.integration.worker.world import Ledger, build_processor
from worker import metrics
from worker.actions.registry import Registry
from worker.processor import Processor

_MAPPING = {
    "external_id": "id",
    "client_id": "client",
    "name": "name",
    "serial_number": "serial",
    "location": "location",
}
_EVENT_COUNTS = """
select event_name, count(*) from psa.events group by event_name order by event_name
"""
_TOLD = """
select a.name from psa.events e join psa.assets a on a.asset_id = e.entity_id
where e.event_name = 'asset.created' order by e.event_number
"""
_SAME_ASSET = """
insert into postern.external_entity_mappings (
    tenant_id, webhook_id, entity_type, external_id, entity_id, delivery_id)
select tenant_id, webhook_id, entity_type, $1, entity_id, delivery_id
from postern.external_entity_mappings where entity_type = 'asset' and external_id = $2
"""


@pytest.fixture
async def ledger(ledger: Ledger, processor: Processor) -> Ledger:
    """A ledger whose webhook the processor knows: what comes at once shares a transaction."""
    await ledger.change_mapping(_MAPPING)
    await processor.process(await ledger.record({"id": "first"}))
    return ledger


async def _handle(
    ledger: Ledger, processor: Processor, bodies: Sequence[object]
) -> list[QueuedDelivery]:
    queued = [await ledger.record(body) for body in bodies]
    await asyncio.gather(*map(processor.process, queued))
    return queued


async def _statuses(ledger: Ledger, queued: Sequence[QueuedDelivery]) -> list[str]:
    return [(await ledger.delivery(one))["dispatch_status"] for one in queued]


async def _assets(ledger: Ledger) -> dict[str, Any]:
    return {row["name"]: row for row in await ledger.assets()}


def _count(what: str) -> float:
    count: float = metrics.GROUPS.labels(what)._value.get()
    return count


async def test_each_has_what_its_delivery_says(ledger: Ledger, processor: Processor) -> None:
    """New ones are made and others changed in one transaction; outcomes tell which was which."""
    await _handle(ledger, processor, [{"id": "old", "serial": "S", "location": "L"}])
    shared = _count("committed")
    bodies = [{"id": f"new-{n}", "serial": f"S-{n}"} for n in range(6)]
    queued = await _handle(ledger, processor, [*bodies, {"id": "old", "location": None}])
    assert _count("committed") == shared + 1
    assets = await _assets(ledger)
    for number in range(6):
        asset = assets[f"new-{number}"]
        assert (asset["serial_number"], asset["location"]) == (f"S-{number}", None)
    assert (assets["old"]["serial_number"], assets["old"]["location"]) == ("S", None)
    outcomes = [await ledger.outcome(one) for one in queued]
    assert [one["metadata"]["action"] for one in outcomes] == ["created"] * 6 + ["updated"]
    assert [one["entity_id"] for one in outcomes] == [
        str(assets[one["external_id"]]["asset_id"]) for one in outcomes
    ]
    counts = await ledger.pool.fetch(_EVENT_COUNTS)
    assert [tuple(row) for row in counts] == [("asset.created", 8), ("asset.updated", 1)]


async def test_events_come_in_the_order_of_deliveries(
    ledger: Ledger, processor: Processor
) -> None:
    """Who follows them sees what a line of deliveries did in the order of the line."""
    names = [f"{number * 7919 % 101}" for number in range(8)]
    await _handle(ledger, processor, [{"id": name} for name in names])
    assert [row["name"] for row in await ledger.pool.fetch(_TOLD)] == ["first", *names]


async def test_one_asset_several_times_keeps_what_each_says(
    ledger: Ledger, processor: Processor
) -> None:
    """They come one after the other in the transaction, and what one does not mention stays."""
    broken = _count("broken")
    bodies = [
        {"id": "a", "serial": "S"},
        {"id": "b", "serial": "T"},
        {"id": "a", "location": "L"},
        {"id": "a", "name": "host"},
        {"id": "b", "location": "M"},
    ]
    await _handle(ledger, processor, bodies)
    assert _count("broken") == broken
    assets = await _assets(ledger)
    assert len(assets) == 3
    assert (assets["host"]["serial_number"], assets["host"]["location"]) == ("S", "L")
    assert (assets["b"]["serial_number"], assets["b"]["location"]) == ("T", "M")


async def test_each_external_id_has_the_status_that_was_told_last(
    ledger: Ledger, processor: Processor
) -> None:
    """Of several deliveries of one in a group, the last that tells decides; others keep theirs."""
    await ledger.change_mapping({"external_id": "id", "rmm_snapshot": "agent"})
    gone, back, silent = (
        {"provider": "datto", "lifecycle_state": "deleted"},
        {"provider": "datto", "lifecycle_state": "active"},
        {"provider": "datto"},
    )
    await _handle(ledger, processor, [{"id": "was-gone", "agent": gone}])
    broken = _count("broken")
    told = [
        ("back", back),
        ("gone", gone),
        ("was-gone", silent),
        ("gone-then-silent", gone),
        ("gone-then-silent", silent),
        ("gone-then-back", gone),
        ("gone-then-back", back),
        ("back-then-gone", back),
        ("back-then-gone", gone),
        ("here", silent),
    ]
    await _handle(ledger, processor, [{"id": name, "agent": agent} for name, agent in told])
    assert _count("broken") == broken
    rows = await ledger.pool.fetch(
        "select external_id from postern.external_entity_mappings where sync_status = 'error'"
    )
    assert {row["external_id"] for row in rows} == {
        "gone",
        "was-gone",
        "gone-then-silent",
        "back-then-gone",
    }


async def test_missing_client_takes_nobody_along(ledger: Ledger, processor: Processor) -> None:
    """The one that names it is rejected with the field; the others are done."""
    bodies = [{"id": str(n)} for n in range(5)]
    queued = await _handle(ledger, processor, [*bodies, {"id": "x", "client": str(uuid4())}])
    assert await _statuses(ledger, queued) == ["dispatched"] * 5 + ["failed"]
    assert (await ledger.outcome(queued[-1]))["field"] == "client_id"
    assert set(await _assets(ledger)) == {"first", *"01234"}


async def test_two_names_of_one_asset_are_both_heard(ledger: Ledger, processor: Processor) -> None:
    """They cannot be written by one statement, and are written apart."""
    await ledger.pool.execute(_SAME_ASSET, "second", "first")
    bodies = [{"id": "first", "serial": "S"}, {"id": "second", "location": "L"}, {"id": "other"}]
    queued = await _handle(ledger, processor, bodies)
    assert await _statuses(ledger, queued) == ["dispatched"] * 3
    asset = (await _assets(ledger))["first"]
    assert (asset["serial_number"], asset["location"]) == ("S", "L")


async def test_groups_that_mean_the_same_assets_come_one_after_the_other(
    ledger: Ledger, tenant_pool: Pool, sandbox: Sandbox, registry: Registry
) -> None:
    """In whatever order they name them: none waits for one that waits for it."""
    workers = [build_processor(tenant_pool, sandbox, registry) for _ in range(2)]
    for worker in workers:
        await worker.process(await ledger.record({"id": "first"}))
    broken = _count("broken")
    for round_number in range(25):
        names = [(number, f"serial-{round_number}") for number in (1, 1, 2, 3, 3, 4)]
        orders = (names, names[::-1])
        queued = [
            [
                await ledger.record({"id": f"asset-{number}", "serial": serial})
                for number, serial in order
            ]
            for order in orders
        ]
        await asyncio.gather(
            *(
                worker.process(one)
                for worker, line in zip(workers, queued, strict=True)
                for one in line
            )
        )
    assert _count("broken") == broken
