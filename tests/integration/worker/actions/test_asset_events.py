"""The events that upsertAssetByExternalId leaves."""

from tests.integration.worker.actions.office import Office

ACTION = "upsertAssetByExternalId"


async def test_event_tells_what_differs(office: Office) -> None:
    """A new asset with all it has, a changed one with what changed, the same one not at all."""
    body = {"external_id": "a", "name": "srv-2", "serial_number": "S-1", "rmm_snapshot": {"x": 1}}
    outcome = await office.done(ACTION, body)
    (event,) = await office.events()
    assert (event["entity_type"], event["event_name"]) == ("asset", "asset.created")
    assert str(event["entity_id"]) == outcome["entity_id"]
    assert event["delivery_id"] == outcome["delivery_id"]
    assert event["changes"] == {
        "asset_type": "unknown",
        "is_inactive": False,
        "name": "srv-2",
        "rmm_snapshot": True,
        "serial_number": "S-1",
        "status": "active",
    }
    await office.done(ACTION, body)
    assert len(await office.events()) == 1
    changed = {**body, "serial_number": None, "rmm_snapshot": {"x": 2}, "client_id": "@contoso"}
    await office.done(ACTION, changed)
    event = await office.last_event()
    assert event["event_name"] == "asset.updated"
    assert event["changes"] == {
        "client_id": str(office.ids["contoso"]),
        "rmm_snapshot": True,
        "serial_number": None,
    }
