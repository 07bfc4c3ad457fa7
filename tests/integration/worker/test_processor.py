"""One attempt at one delivery, on a real ledger."""

from uuid import UUID

import orjson

from tests.integration.worker.world import DEVICE_BODY, Ledger
from worker.processor import Processor


async def test_reference_example_creates_the_asset(
    ledger: Ledger, processor: Processor, client_id: UUID
) -> None:
    """The asset, its client and snapshot, the outcome and the end of the queueing, all at once."""
    queued = await ledger.record(DEVICE_BODY, idempotency_key="evt-1")
    await processor.process(queued)
    asset = await ledger.asset()
    assert asset["tenant_id"] == ledger.tenant_id
    assert asset["client_id"] == client_id
    assert (asset["asset_type"], asset["name"], asset["status"]) == (
        "workstation",
        "host-1",
        "online",
    )
    assert orjson.loads(asset["rmm_snapshot"]) == DEVICE_BODY
    row = await ledger.delivery(queued)
    assert row["dispatch_status"] == "dispatched"
    assert row["completed_at"] is not None
    assert row["duration_ms"] > 0
    assert await ledger.outcome(queued) == {
        "action": "upsertAssetByExternalId",
        "entity_type": "asset",
        "entity_id": str(asset["asset_id"]),
        "external_id": "dev-1",
        "message": "asset created",
        "metadata": {"action": "created", "rmm": False, "name": "host-1"},
    }
    assert await ledger.outbox() == []
    assert await ledger.key_count() == 1
