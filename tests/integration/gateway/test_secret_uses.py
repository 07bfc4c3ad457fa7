"""When secrets were last used, as a gateway tells it."""

from tests.integration.gateway.world import SECRET, Ledger, eventually, serving

_NEW = "another-secret-of-24-chars"


async def test_uses_when_requests_are_verified(ledger: Ledger) -> None:
    """The secret that verified is noted with its time, within moments; others stay unused."""
    webhook_id = await ledger.insert_webhook()
    await ledger.rotate(webhook_id, _NEW, overlap_seconds=600)
    async with serving(ledger, secret_use_seconds=0.1) as gateway:
        assert (
            await gateway.post(b"{}", secret="a-wrong-secret-of-some-length")
        ).status_code == 401
        assert (await gateway.post(b"{}", secret=SECRET)).status_code == 200
        await eventually(lambda: _used(ledger, 1))
        used = await ledger.pool.fetchrow(
            "select d.secret_id = s.secret_id as is_it, s.valid_until is not null as is_old,"
            " abs(extract(epoch from s.last_used_at - d.received_at)) as apart"
            " from postern.webhook_secrets s, postern.deliveries d"
            " where s.last_used_at is not null and d.auth_status = 'verified'"
        )
        assert used is not None
        assert (used["is_it"], used["is_old"], used["apart"] < 0.001) == (True, True, True)
        await gateway.post(b"{}", secret=_NEW)
        await eventually(lambda: _used(ledger, 2))


async def test_uses_when_the_gateway_stops(ledger: Ledger) -> None:
    """What is noted is written at a stop; the webhook is not changed by it."""
    await ledger.insert_webhook()
    async with serving(ledger, secret_use_seconds=3600) as gateway:
        for _ in range(3):
            await gateway.post(b"{}")
        assert await ledger.count("webhook_secrets", "last_used_at is not null") == 0
    assert await ledger.count("webhook_secrets", "last_used_at is not null") == 1
    assert await ledger.count("webhooks", "version = 1") == 1


async def _used(ledger: Ledger, count: int) -> bool:
    return await ledger.count("webhook_secrets", "last_used_at is not null") == count
