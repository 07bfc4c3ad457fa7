"""Changes of configuration reach a running gateway."""

import asyncio

from tests.integration.gateway.world import (
    SECRET,
    Gateway,
    Ledger,
    eventually,
    serving,
)

#: What is promised.
_PROMISED_SECONDS = 5.0
#: With a poll that never comes in time, only NOTIFY can have brought the change.
_NO_POLL = {"poll_seconds": 60.0}


async def test_webhook_when_created_changed_and_deleted(ledger: Ledger) -> None:
    """Each change is announced and takes effect, long before a poll."""
    async with serving(ledger, **_NO_POLL) as gateway:
        assert await _status(gateway) == 401
        webhook_id = await ledger.insert_webhook()
        await _reaches(gateway, 200)
        await ledger.change(webhook_id, is_active=False)
        await _reaches(gateway, 401)
        await ledger.change(webhook_id, is_active=True)
        await _reaches(gateway, 200)
        await ledger.change(webhook_id, auth_config='{"signature_header": "x-other"}')
        await _reaches(gateway, 401)
        await ledger.change(webhook_id, auth_config='{"signature_header": "X-RMM-Signature"}')
        await _reaches(gateway, 200)
        await ledger.change(webhook_id, slug="renamed")
        await _reaches(gateway, 401)
        await _reaches(gateway, 200, slug="renamed")
        await ledger.delete(webhook_id)
        await _reaches(gateway, 401, slug="renamed")


async def test_tenant_when_switched_off(ledger: Ledger) -> None:
    """The tenant's webhooks are closed and opened with it."""
    await ledger.insert_webhook()
    async with serving(ledger, **_NO_POLL) as gateway:
        assert await _status(gateway) == 200
        await ledger.pool.execute("update postern.tenants set is_active = false")
        await _reaches(gateway, 401)
        await ledger.pool.execute("update postern.tenants set is_active = true, slug = 'moved'")
        await _reaches(gateway, 200, tenant="moved")
        assert await _status(gateway) == 401


async def test_slug_when_deleted_and_made_anew_at_once(ledger: Ledger) -> None:
    """The new webhook has the path, however soon after the old one it comes."""
    old = await ledger.insert_webhook()
    async with serving(ledger, **_NO_POLL) as gateway:
        for number in range(5):
            secret = f"shared secret number {number}"
            await ledger.delete(old)
            old = await ledger.insert_webhook(secret=secret)
            await _reaches(gateway, 200, secret=secret)


async def test_secret_when_rotated_with_overlap(ledger: Ledger) -> None:
    """For the overlap both count, then the old one does not, without another change."""
    webhook_id = await ledger.insert_webhook()
    async with serving(ledger, **_NO_POLL) as gateway:
        await ledger.rotate(webhook_id, "the next shared secret", overlap_seconds=2.0)
        await _reaches(gateway, 200, secret="the next shared secret")
        assert await _status(gateway) == 200
        await _reaches(gateway, 401)
        assert await _status(gateway, secret="the next shared secret") == 200
    secrets = {row["secret_id"] for row in await ledger.deliveries()}
    assert len(secrets - {None}) == 2, "the secret that verified is kept with the delivery"


async def test_secret_when_cut_off(ledger: Ledger) -> None:
    """Without an overlap the old secret ends at once, and no good request is refused meanwhile."""
    webhook_id = await ledger.insert_webhook()
    async with serving(ledger, **_NO_POLL) as gateway:
        previous = SECRET
        for number in range(5):
            following = f"shared secret number {number}"
            await ledger.rotate(webhook_id, following, overlap_seconds=0.0)
            await _reaches(gateway, 200, secret=following)
            await _reaches(gateway, 401, secret=previous)
            previous = following


async def test_secret_when_rotated_under_load(ledger: Ledger) -> None:
    """In the overlap no request signed with either secret is refused."""
    webhook_id = await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        secrets = [SECRET]
        stop = asyncio.Event()
        refused: list[str] = []

        async def send() -> None:
            while not stop.is_set():
                secret = secrets[-1]
                if await _status(gateway, secret=secret) != 200:
                    refused.append(secret)

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(send())
            for number in range(8):
                following = f"shared secret number {number}"
                await ledger.rotate(webhook_id, following, overlap_seconds=60.0)
                await _reaches(gateway, 200, secret=following)
                secrets.append(following)
            stop.set()
    assert refused == []


async def test_change_when_notification_is_lost(ledger: Ledger) -> None:
    """With the listening connection cut, again and again, changes arrive within 5 s."""
    webhook_id = await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        for active in (False, True):
            await _cut_gateway_connections(ledger)
            await ledger.change(webhook_id, is_active=active)
            await _cut_gateway_connections(ledger)
            await _reaches(gateway, 200 if active else 401)


async def test_change_when_nothing_is_notified(ledger: Ledger) -> None:
    """The poll alone brings a change within 5 s."""
    webhook_id = await ledger.insert_webhook()
    await ledger.pool.execute(
        "create or replace function postern.announce_webhook_change() returns trigger"
        " language plpgsql as $$ begin new.changed_xid := pg_current_xact_id(); return new; end $$"
    )
    async with serving(ledger) as gateway:
        await ledger.change(webhook_id, is_active=False)
        await _reaches(gateway, 401)


async def test_change_when_its_transaction_is_slow(ledger: Ledger) -> None:
    """A change that was begun before others and committed after them is not missed."""
    webhook_id = await ledger.insert_webhook()
    async with serving(ledger, **_NO_POLL) as gateway, ledger.pool.acquire() as slow:
        async with slow.transaction():
            await slow.execute(
                "update postern.webhooks set is_active = false where webhook_id = $1", webhook_id
            )
            await ledger.insert_webhook("quick")
            await _reaches(gateway, 200, slug="quick")
            assert await _status(gateway) == 200
        await _reaches(gateway, 401)


_SENSELESS = (
    "auth_config = '{}'",
    "auth_config = '[]'",
    "auth_config = '\"x\"'",
    "auth_config = '{\"signature_header\": 7}'",
    'auth_config = \'{"signature_header": "x-\u20ac"}\'',
    "auth_type = 'ip_allowlist', auth_config = '{\"ip_cidrs\": [\"nonsense\"]}'",
    "auth_type = 'ip_allowlist', auth_config = '{\"ip_cidrs\": 5}'",
    "auth_type = 'path_token', auth_config = '{\"query_param\": null}'",
    "handler_config = '{}'",
    "handler_config = '[]'",
    "idempotency_source = '{}'",
    'idempotency_source = \'{"type": "other", "value": "x"}\'',
    'idempotency_source = \'{"type": "jsonata", "value": 7}\'',
    "idempotency_source = '[]'",
)


async def test_webhook_when_its_row_makes_no_sense(ledger: Ledger) -> None:
    """It is closed; the others work, changes arrive, and a gateway can start beside it."""
    slugs = [f"senseless-{number}" for number in range(len(_SENSELESS))]
    webhooks = [await ledger.insert_webhook(slug) for slug in slugs]
    await ledger.insert_webhook()
    async with serving(ledger, **_NO_POLL) as running:
        for fault, slug, webhook_id in zip(_SENSELESS, slugs, webhooks, strict=True):
            assert await _status(running, slug=slug) == 200
            await ledger.pool.execute(
                f"update postern.webhooks set {fault} where webhook_id = $1", webhook_id
            )
            await _reaches(running, 401, slug=slug)
            await ledger.insert_webhook(f"beside-{slug}")
            await _reaches(running, 200, slug=f"beside-{slug}")
        async with serving(ledger) as fresh:
            assert await _status(fresh) == 200
            assert {await _status(fresh, slug=slug) for slug in slugs} == {401}


async def _cut_gateway_connections(ledger: Ledger) -> None:
    await ledger.pool.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'postern-gateway' and datname = current_database()"
    )


async def _status(gateway: Gateway, **target: str) -> int:
    return (await gateway.post(b"{}", **target)).status_code  # type: ignore[arg-type]


async def _reaches(gateway: Gateway, status: int, **target: str) -> None:
    """Wait until requests are answered so; fail after what is promised."""

    async def is_so() -> bool:
        return await _status(gateway, **target) == status

    await eventually(is_so, within_seconds=_PROMISED_SECONDS)
