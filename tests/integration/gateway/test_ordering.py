"""Which ordering key an accepted request gets."""

from typing import Any

import pytest

from tests.integration.gateway.world import Ledger, answer, serving

_BY_DEVICE = {"type": "key", "source": {"type": "jsonata", "value": "device.id"}}
_BY_HEADER = {"type": "key", "source": {"type": "header", "value": "X-Device"}}
_FAILING = {"type": "key", "source": {"type": "jsonata", "value": "$error('no')"}}


@pytest.mark.parametrize(
    ("ordering", "suffix"),
    [
        ({"type": "webhook"}, ""),
        (_BY_DEVICE, ":dev-1"),
        (_BY_HEADER, ":7"),
        ({"type": "key", "source": {"type": "jsonata", "value": "device.none"}}, ""),
        (_FAILING, ""),
    ],
)
async def test_ordering_key_when_accepted(
    ledger: Ledger, ordering: dict[str, Any], suffix: str
) -> None:
    """Delivery, outbox and place in the order have the same key; without one, the webhook's."""
    webhook_id = await ledger.insert_webhook(ordering=ordering)
    async with serving(ledger) as gateway:
        body = b'{"device": {"id": "dev-1"}}'
        accepted = answer(await gateway.post(body, headers={"X-Device": "7"}))
        row = await ledger.delivery(accepted["delivery_id"])
        assert row["ordering_key"] == f"{webhook_id}{suffix}"
        keys = await ledger.pool.fetch(
            "select o.ordering_key, n.ordering_key from postern.outbox o"
            " join postern.ordered_deliveries n using (tenant_id, delivery_id)"
        )
        assert [tuple(key) for key in keys] == [(row["ordering_key"],) * 2]


@pytest.mark.parametrize("ordering", [None, {"type": "none", "source": None}])
async def test_no_key_without_order(ledger: Ledger, ordering: dict[str, Any] | None) -> None:
    """Where no order is asked for, nothing of it is written."""
    await ledger.insert_webhook(ordering=ordering)
    async with serving(ledger) as gateway:
        accepted = answer(await gateway.post(b"{}"))
        assert (await ledger.delivery(accepted["delivery_id"]))["ordering_key"] is None
        assert await ledger.pool.fetchval("select count(*) from postern.ordered_deliveries") == 0


async def test_places_follow_the_answers(ledger: Ledger) -> None:
    """Who waits for each answer before the next request has its deliveries in that order."""
    await ledger.insert_webhook(
        ordering={"type": "webhook"}, key={"type": "header", "value": "X-Key"}
    )
    async with serving(ledger) as gateway, serving(ledger) as other:
        sent = [
            answer(await (gateway, other)[number % 2].post(b"{}", headers={"X-Key": f"{number}"}))
            for number in range(12)
        ]
        repeat = answer(await gateway.post(b"{}", headers={"X-Key": "3"}))
        rows = await ledger.pool.fetch(
            "select delivery_id from postern.ordered_deliveries order by position"
        )
    assert repeat["duplicate"] is True
    assert [str(row["delivery_id"]) for row in rows] == [each["delivery_id"] for each in sent]
